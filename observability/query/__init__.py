"""Small clients for the public APIs of the backends: all that console, verify and drill read.

Each is given a `client` of the backend; who opened it closes it.
A backend that is down, slow or refuses raises `BackendError`, which names the backend and why.
"""

from observability.query.alertmanager import ActiveAlert, Alertmanager, Silence
from observability.query.api import BackendError, client
from observability.query.jaeger import Jaeger, Link, Search, Span, SpanEvent, Trace
from observability.query.loki import LogLine, Loki
from observability.query.prometheus import Exemplar, Prometheus, Rule, Sample, Series, Target

__all__ = [
    "ActiveAlert",
    "Alertmanager",
    "BackendError",
    "Exemplar",
    "Jaeger",
    "Link",
    "LogLine",
    "Loki",
    "Prometheus",
    "Rule",
    "Sample",
    "Search",
    "Series",
    "Silence",
    "Span",
    "SpanEvent",
    "Target",
    "Trace",
    "client",
]
