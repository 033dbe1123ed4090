"""A call into the application's code at scrape time that cannot hold up the scrape."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from observability.instrumentation.health import process

T = TypeVar("T")
PATIENCE_SECONDS = 1.0
# So many scrapes in a row may show an old value; then it is no longer true enough to be shown.
MISSES = 3


class BoundedCall(Generic[T]):
    """Calls ``read`` in a thread, one call at a time; too late or failed, the last value holds.

    Each call that fails or is not back in time is counted; after a few in a row the last value is
    given up.

    Args:
        component: what failures are counted under.
        read: the application's code.
        nothing: returned until the first call succeeds, and once the last value is given up.
    """

    def __init__(self, component: str, read: Callable[[], T], nothing: T) -> None:
        self._component = component
        self._read = read
        self._nothing = nothing
        self._value = nothing
        self._missed = 0
        self._running: threading.Thread | None = None
        self._lock = threading.Lock()

    def __call__(self) -> T:
        """Return what ``read`` returns, or what it returned last."""
        with self._lock:
            self._missed += 1  # until it is known to have succeeded
            # One that is late already is not waited for again.
            patience = 0.0
            if self._running is None or not self._running.is_alive():
                patience = PATIENCE_SECONDS
                self._running = threading.Thread(target=self._run, daemon=True)
                self._running.start()
            self._running.join(patience)
            if self._running.is_alive():
                process.failed(self._component, TimeoutError("no answer in time"))
        return self._value if self._missed < MISSES else self._nothing

    def _run(self) -> None:
        try:
            self._value = self._read()
            self._missed = 0
        except Exception as error:
            process.failed(self._component, error)
