"""The console: a web page beside Grafana, and sufficient without it."""
