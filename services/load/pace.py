"""A limit on requests per second that all users of a run share."""

from collections.abc import Callable


class Pacer:
    """Hands out evenly spaced turns, so that a cap is met without bursts.

    Args:
        rate: Turns per second; None lets everyone through at once.
        clock: Seconds that only go up.
        sleep: Waits the given seconds without holding up the other users.
    """

    def __init__(
        self, rate: float | None, clock: Callable[[], float], sleep: Callable[[float], object]
    ) -> None:
        self._interval = 0.0 if rate is None else 1.0 / rate
        self._clock = clock
        self._sleep = sleep
        self._next_turn = clock()

    def wait_turn(self) -> None:
        """Take the next free turn and wait until it comes."""
        now = self._clock()
        turn = max(now, self._next_turn)
        self._next_turn = turn + self._interval
        if turn > now:
            self._sleep(turn - now)
