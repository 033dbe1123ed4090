"""Spans and log lines as OTLP/JSON, as small as a test needs them."""

import os
import time
from typing import Any

Json = dict[str, Any]


def attributes(**values: str) -> list[Json]:
    """Attributes; `__` in a name stands for a dot."""
    return [
        {"key": name.replace("__", "."), "value": {"stringValue": value}}
        for name, value in values.items()
    ]


def resource(service: str, instance: int = 1) -> Json:
    """Resource of a replica of a service of the shop."""
    identity = attributes(
        service__name=service,
        service__namespace="shop",
        service__version="1.0.0",
        service__instance__id=f"{service}-{instance}",
        deployment__environment__name="test",
        telemetry__sdk__language="python",
    )
    return {"attributes": identity}


def new_trace_id() -> str:
    """A random trace id."""
    return os.urandom(16).hex()


def span(trace_id: str, name: str, *, parent: str = "", kind: int = 2, **values: str) -> Json:
    """A span of 30 ms that ends now; kinds are 2 SERVER, 3 CLIENT, 4 PRODUCER, 5 CONSUMER."""
    now = time.time_ns()
    return {
        "traceId": trace_id,
        "spanId": os.urandom(8).hex(),
        "parentSpanId": parent,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(now - 30_000_000),
        "endTimeUnixNano": str(now),
        "attributes": attributes(**values),
        "status": {},
    }


def spans(service: str, *given: Json, instance: int = 1) -> Json:
    """Body for /v1/traces."""
    scope = {"scope": {"name": "test"}, "spans": list(given)}
    return {"resourceSpans": [{"resource": resource(service, instance), "scopeSpans": [scope]}]}


def record(
    event: str,
    trace_id: str = "",
    span_id: str = "",
    *,
    severity: int = 9,
    at: int | None = None,
    **values: str,
) -> Json:
    """A log line of now, or of `at` (ns since 1970).

    Severities are 5 debug, 9 info, 13 warning, 17 error, 21 critical.
    """
    return {
        "timeUnixNano": str(time.time_ns() if at is None else at),
        "severityNumber": severity,
        "body": {"stringValue": event},
        "traceId": trace_id,
        "spanId": span_id,
        "attributes": attributes(**values),
    }


def records(service: str, *given: Json, instance: int = 1) -> Json:
    """Body for /v1/logs."""
    scope = {"scope": {"name": "test"}, "logRecords": list(given)}
    return {"resourceLogs": [{"resource": resource(service, instance), "scopeLogs": [scope]}]}
