"""A call into the application's code at scrape time that cannot hold up the scrape."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from observability.instrumentation.health import process

T = TypeVar("T")
PATIENCE_SECONDS = 1.0


class BoundedCall(Generic[T]):
    """Calls ``read`` in a thread, one call at a time; too late or failed, the last value holds.

    Args:
        component: named when ``read`` raises.
        read: the application's code.
        first: returned until the first call succeeds.
    """

    def __init__(self, component: str, read: Callable[[], T], first: T) -> None:
        self._component = component
        self._read = read
        self._value = first
        self._running: threading.Thread | None = None
        self._lock = threading.Lock()

    def __call__(self) -> T:
        """Return what ``read`` returns, or what it returned last."""
        with self._lock:
            if self._running is None or not self._running.is_alive():
                self._running = threading.Thread(target=self._run, daemon=True)
                self._running.start()
            self._running.join(PATIENCE_SECONDS)
        return self._value

    def _run(self) -> None:
        try:
            self._value = self._read()
        except Exception as error:
            process.failed(self._component, error)
