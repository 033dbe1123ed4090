"""Runs the whole stack without Docker: resolve, build, start, supervise, stop."""
