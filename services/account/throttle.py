"""Keeps people from trying one password after the other."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from services.kit.problems import Problem

Key = tuple[str, str]
"""From where, and to which account: nobody can lock others out of theirs."""
MOST_KEYS = 10_000


class Throttle:
    """Refuses further attempts after too many wrong ones.

    Args:
        limit: wrong attempts for one key within the time.
        seconds: after how long an attempt is forgotten.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        limit: int = 10,
        seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._wrong: OrderedDict[Key, deque[float]] = OrderedDict()

    def check(self, key: Key) -> None:
        """Let an attempt pass.

        Raises:
            Problem: 429, there were too many wrong ones lately.
        """
        attempts = self._wrong.get(key, deque())
        while attempts and attempts[0] <= self._clock() - self._seconds:
            attempts.popleft()
        if len(attempts) >= self._limit:
            wait = math.ceil(attempts[0] + self._seconds - self._clock())
            detail = f"Too many wrong passwords: try again in {wait} seconds."
            raise Problem(429, "Too many attempts", detail, headers={"Retry-After": str(wait)})

    def wrong(self, key: Key) -> None:
        """Note an attempt that was wrong."""
        self._wrong.setdefault(key, deque(maxlen=self._limit)).append(self._clock())
        self._wrong.move_to_end(key)
        while len(self._wrong) > MOST_KEYS:
            self._wrong.popitem(last=False)

    def right(self, key: Key) -> None:
        """Forget the wrong attempts: whoever it was knows the password."""
        self._wrong.pop(key, None)
