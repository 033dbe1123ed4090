"""How long whoever starts a stack waits for it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class Patience:
    """Runs out so many seconds after one more process was ready.

    Servers are built one after the other, on a slow machine for minutes each: how long all of
    them take says nothing of whether it goes on.

    Args:
        seconds: how long.
        clock: seconds from anywhere on.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._arrived: set[str] = set()
        self._since = clock()

    def is_over(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether it has run out, given the processes as they stand."""
        ready = {row["instance"] for row in rows if row["state"] == "ready"}
        if not ready <= self._arrived:
            self._arrived |= ready
            self._since = self._clock()
        return self._clock() - self._since > self._seconds
