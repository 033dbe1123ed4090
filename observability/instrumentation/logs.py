"""Logs: one pipeline from structlog and from standard logging to JSON lines and OTLP.

Each record is a line on standard output, keys ``timestamp, level, event, service, trace_id,
span_id`` and then its own fields, and the same record over OTLP.
"""

import itertools
import logging
import os
import sys
import time
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.trace import SpanContext, format_span_id, format_trace_id

from observability.instrumentation import state
from observability.instrumentation.exporting import in_export_thread
from observability.instrumentation.health import process, service_name
from observability.instrumentation.log_records import LogEntry
from observability.instrumentation.settings import LogLimits
from observability.instrumentation.stdout import stdout
from observability.instrumentation.values import MAX_TEXT, attribute, text, to_json

DEFAULT_STREAM = "app"
# What each record has; a field may not take its place.
FIXED = frozenset({"timestamp", "level", "event", "service", "trace_id", "span_id", "log_stream"})
DEFAULT_LIMITS = LogLimits()
NESTED = (dict, list, tuple, set, frozenset)
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
# The other names that structlog's and logging's methods go by.
SAME_LEVEL = {"warn": "warning", "exception": "error", "err": "error", "fatal": "critical"}

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def get_logger(name: str | None = None, **fields: object) -> structlog.typing.FilteringBoundLogger:
    """Return a logger: ``log.info("order_placed", order_id=order.id)``.

    The event is a constant; what varies goes into fields. Works before ``instrument()`` too:
    then it only prints.

    Args:
        name: usually ``__name__``; becomes the field ``logger``.
        fields: bound to each record of this logger.
    """
    if name is not None:
        fields = {"logger": name, **fields}
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        _Written(),
        processors=[structlog.contextvars.merge_contextvars, _process],
        wrapper_class=structlog.make_filtering_bound_logger(level_threshold()),
        cache_logger_on_first_use=True,
    ).bind(**fields)
    return logger


def configure_structlog() -> None:
    """Send what is logged by ``structlog.get_logger()`` the same way, unless set up already."""
    if not structlog.is_configured():
        structlog.configure(
            processors=[structlog.contextvars.merge_contextvars, _process],
            wrapper_class=structlog.make_filtering_bound_logger(level_threshold()),
            logger_factory=_Written,
            cache_logger_on_first_use=True,
        )


def level_threshold() -> int:
    """Return the least level that is logged: ``BELFRY_LOG_LEVEL``, by default info."""
    name = os.environ.get("BELFRY_LOG_LEVEL", "").strip().lower()
    return LEVELS.get(SAME_LEVEL.get(name, name), logging.INFO)


class _Written:
    """What structlog takes for the logger behind: the last processor has written already."""

    def __init__(self, *_: object) -> None: ...

    def __getattr__(self, _: str) -> Any:
        return _nothing


def _nothing(*_: object) -> None: ...


def _process(_: object, method: str, event_dict: MutableMapping[str, Any]) -> str:
    level = SAME_LEVEL.get(method, method)
    write(level, event_dict.pop("event", ""), event_dict)
    return ""


def write(
    level: str,
    event: object,
    fields: MutableMapping[str, Any],
    context: SpanContext | None = None,
    created_ns: int | None = None,
) -> None:
    """Write one record to standard output and hand it to the exporter; never raises.

    Args:
        level: one of ``LEVELS``.
        event: a constant naming what happened.
        fields: what varies; consumed. ``exc_info`` becomes ``exception_*`` fields, and
            ``log_stream`` chooses the stream that the record belongs to.
        context: the span that it belongs to, by default the current one.
        created_ns: Unix time in nanoseconds, by default now.
    """
    try:
        _write(level, text(event), fields, context, created_ns or time.time_ns())
    except Exception as error:
        process.failed("logs", error)


def _write(
    level: str,
    event: str,
    fields: MutableMapping[str, Any],
    context: SpanContext | None,
    created_ns: int,
) -> None:
    telemetry = state.current()
    stream = text(fields.pop("log_stream", DEFAULT_STREAM))
    if "exc_info" in fields:
        add_exception(fields, fields.pop("exc_info"))
    if context is None:
        context = trace.get_current_span().get_span_context()
    limits = telemetry.log_limits if telemetry else DEFAULT_LIMITS
    carried, shown = _bounded(fields, limits)
    if telemetry is None or telemetry.prints:
        record = _fixed(level, event, context, created_ns)
        if stream != DEFAULT_STREAM:
            record["log_stream"] = stream
        stdout.write(to_json({**record, **carried, **shown}))
    if telemetry is not None and telemetry.logs is not None and not in_export_thread():
        dropped = max(len(fields) - limits.fields, 0)
        telemetry.logs.put(LogEntry(created_ns, level, event, stream, context, carried, dropped))


def _fixed(level: str, event: str, context: SpanContext, created_ns: int) -> dict[str, Any]:
    traced = context.is_valid
    return {
        "timestamp": datetime.fromtimestamp(created_ns / 1e9, UTC),
        "level": level,
        "event": event,
        "service": service_name(),
        "trace_id": format_trace_id(context.trace_id) if traced else None,
        "span_id": format_span_id(context.span_id) if traced else None,
    }


def _bounded(
    fields: Mapping[str, Any], limits: LogLimits
) -> tuple[dict[str, str | bool | int | float], dict[str, Any]]:
    """Return what is carried of the fields, and those that a printed line shows otherwise."""
    carried: dict[str, str | bool | int | float] = {}
    shown: dict[str, Any] = {}
    for key, value in itertools.islice(fields.items(), limits.fields):
        name = f"field_{key}" if key in FIXED else str(key)
        if value is None:
            shown[name] = None
            continue
        flat = carried[name] = attribute(value, limits.text)
        if isinstance(value, NESTED) and len(str(flat)) < limits.text:
            shown[name] = value
    return carried, shown


def add_exception(fields: MutableMapping[str, Any], exc_info: object) -> None:
    """Replace an ``exc_info`` of any accepted form by ``exception_*`` fields."""
    found = _exc_info(exc_info)
    if found is None:
        return
    kind, error, trail = found
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    fields["exception_type"] = f"{module}{kind.__qualname__}"
    fields["exception_message"] = text(error)
    lines = "".join(traceback.format_exception(kind, error, trail))
    # The end of a long one tells where it was raised.
    fields["exception_stacktrace"] = lines[-MAX_TEXT:]


def _exc_info(value: object) -> ExcInfo | None:
    if isinstance(value, BaseException):
        return type(value), value, value.__traceback__
    if not isinstance(value, tuple) and value:
        value = sys.exc_info()
    if isinstance(value, tuple) and len(value) == 3 and isinstance(value[1], BaseException):
        return type(value[1]), value[1], value[1].__traceback__
    return None
