"""How the library looks after itself: failures are counted and named once, never raised."""

import os
import threading
from collections import Counter
from datetime import UTC, datetime

import orjson

from observability.instrumentation import state
from observability.instrumentation.stdout import stdout


class Health:
    """Counts what the library itself dropped or failed at, in this process."""

    def __init__(self) -> None:
        self.renew_lock()
        self._named: set[str] = set()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.errors: Counter[str] = Counter()

    def renew_lock(self) -> None:
        """Take a lock that nobody holds: in a forked child its holder may be gone."""
        # Reentrant: a finalizer that runs meanwhile may fail at something itself.
        self._lock = threading.RLock()

    def drop(self, signal: str, reason: str, count: int = 1) -> None:
        """Count what was given up, other than by an export queue (those count their own)."""
        with self._lock:
            self.dropped[signal, reason] += count

    def failed(self, component: str, error: BaseException) -> None:
        """Count a failure inside the library; the first one of a component is logged."""
        with self._lock:
            self.errors[component] += 1
            first = component not in self._named
            self._named.add(component)
        if first:
            notice(
                "warning",
                "telemetry_failed",
                component=component,
                exception_type=type(error).__name__,
                exception_message=_short(error),
            )


def notice(level: str, event: str, **fields: str | float) -> None:
    """Print one log line about the library itself; it never goes through what may be broken.

    Not in a command, whose output belongs to whoever runs it.
    """
    telemetry = state.current()
    if telemetry is not None and not telemetry.prints:
        return
    record = {
        "timestamp": datetime.now(UTC),
        "level": level,
        "event": event,
        "service": service_name(),
        "trace_id": None,
        "span_id": None,
        "logger": "observability",
        **fields,
    }
    stdout.write(orjson.dumps(record, option=orjson.OPT_UTC_Z, default=str))


def service_name() -> str:
    """Return the name of the service that logs now."""
    telemetry = state.current()
    if telemetry is not None:
        return telemetry.service_name
    return os.environ.get("OTEL_SERVICE_NAME", "").strip() or "unknown_service"


def _short(error: BaseException) -> str:
    try:
        return str(error)[:500]
    except Exception:
        return "(no message: its own __str__ failed)"


process = Health()
os.register_at_fork(after_in_child=process.renew_lock)
