"""Belfry: observability for Python microservices.

::

    from fastapi import FastAPI
    from observability import instrument

    app = FastAPI()
    instrument(app)

The names are loaded when first used, so that commands which need none of them start quickly.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observability.instrumentation.audit import audit
    from observability.instrumentation.cache import cache_request
    from observability.instrumentation.database import instrument_engine
    from observability.instrumentation.http_client import instrument_client
    from observability.instrumentation.logs import get_logger
    from observability.instrumentation.messaging import (
        ENQUEUED_AT,
        QueueStats,
        capture_context,
        continued,
        dead_lettered,
        observe_queues,
        process_span,
        publish_span,
    )
    from observability.instrumentation.metrics import (
        Counter,
        Gauge,
        Histogram,
        counter,
        gauge,
        histogram,
    )
    from observability.instrumentation.telemetry import Telemetry, instrument
    from observability.instrumentation.tracing import current_trace_id, span

__all__ = [
    "ENQUEUED_AT",
    "Counter",
    "Gauge",
    "Histogram",
    "QueueStats",
    "Telemetry",
    "audit",
    "cache_request",
    "capture_context",
    "continued",
    "counter",
    "current_trace_id",
    "dead_lettered",
    "gauge",
    "get_logger",
    "histogram",
    "instrument",
    "instrument_client",
    "instrument_engine",
    "observe_queues",
    "process_span",
    "publish_span",
    "span",
]

_HOMES = {
    "audit": ("audit",),
    "cache": ("cache_request",),
    "database": ("instrument_engine",),
    "http_client": ("instrument_client",),
    "logs": ("get_logger",),
    "messaging": (
        "ENQUEUED_AT",
        "QueueStats",
        "capture_context",
        "continued",
        "dead_lettered",
        "observe_queues",
        "process_span",
        "publish_span",
    ),
    "metrics": ("Counter", "Gauge", "Histogram", "counter", "gauge", "histogram"),
    "telemetry": ("Telemetry", "instrument"),
    "tracing": ("current_trace_id", "span"),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            found: object = getattr(import_module(f"{__name__}.instrumentation.{module}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
