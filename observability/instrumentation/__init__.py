"""What runs inside an instrumented service: metrics, traces and logs, joined.

The public names are re-exported by :mod:`observability`.
"""
