"""Dashboards as code: one module a dashboard, and the JSON that it generates."""
