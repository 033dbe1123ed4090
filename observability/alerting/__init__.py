"""Alerts as code: what rings, when and why, and where the notifications arrive."""
