"""The console: a web page beside Grafana, and sufficient without it."""

# first of all, as what others import with it is loaded without what no service needs
from observability import instrumentation as instrumentation
