"""Which telemetry the code that runs just now belongs to.

A process usually has one instrumented app. With several, each request belongs to its own
app's telemetry, and what runs outside requests to the one instrumented last.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observability.instrumentation.telemetry import Telemetry

_current: ContextVar[Telemetry | None] = ContextVar("belfry_telemetry", default=None)
_instrumented: list[Telemetry] = []


def current() -> Telemetry | None:
    """Return the telemetry in charge, or None before any ``instrument()``."""
    if len(_instrumented) <= 1:
        return _instrumented[0] if _instrumented else None
    return _current.get() or _instrumented[-1]


def several() -> bool:
    """Tell whether this process has more than one instrumented app."""
    return len(_instrumented) > 1


def add(telemetry: Telemetry) -> None:
    """Make this telemetry the one in charge outside requests."""
    _instrumented.append(telemetry)


def remove(telemetry: Telemetry) -> None:
    """Forget a telemetry that was shut down."""
    if telemetry in _instrumented:
        _instrumented.remove(telemetry)


def enter(telemetry: Telemetry) -> Token[Telemetry | None]:
    """Put the running request in this telemetry's charge."""
    return _current.set(telemetry)


def leave(token: Token[Telemetry | None]) -> None:
    """End what :func:`enter` began."""
    _current.reset(token)
