"""Variables that OpenTelemetry's libraries would raise for, some of them when imported.

They are taken out of the environment before that happens, and named once telemetry begins.
"""

import os
import re
from collections.abc import Callable
from importlib.metadata import entry_points

from observability.instrumentation.health import notice


def _is_count(value: str) -> bool:
    return not value.strip() or value.strip().isdecimal()


def _are_patterns(value: str) -> bool:
    try:
        re.compile("|".join(part.strip() for part in value.split(",")))
    except re.error:
        return False
    return True


def _are_propagators(value: str) -> bool:
    wanted = {name.strip() for name in value.split(",")}
    return not value or "none" in wanted or wanted <= _installed("opentelemetry_propagator")


def _is_provider(kind: str) -> Callable[[str], bool]:
    return lambda value: value in _installed(f"opentelemetry_{kind}")


def _installed(group: str) -> set[str]:
    return entry_points(group=group).names


_PATTERNS = (
    "OTEL_PYTHON_EXCLUDED_URLS",
    "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE",
)
_COUNTS = (
    *("OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
    *("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
    *("OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT"),
    *("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"),
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
)
_PROVIDERS = ("tracer_provider", "meter_provider", "logger_provider")
_CHECKS: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(_PATTERNS, _are_patterns),
    **dict.fromkeys(_COUNTS, _is_count),
    **{f"OTEL_PYTHON_{kind.upper()}": _is_provider(kind) for kind in _PROVIDERS},
    "OTEL_PROPAGATORS": _are_propagators,
}
_taken_out: dict[str, str] = {}


def mend() -> None:
    """Take out what cannot be used; whoever reads it next finds the default."""
    for variable, is_usable in _CHECKS.items():
        value = os.environ.get(variable)
        if value is not None and not is_usable(value):
            _taken_out[variable] = os.environ.pop(variable)


def tell() -> None:
    """Name what was taken out, once."""
    while _taken_out:
        variable, value = _taken_out.popitem()
        notice("warning", "setting_ignored", setting=variable, value=value, taken="default")
