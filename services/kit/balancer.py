"""Which instance of a service gets the next request.

Instances take turns. One that fails is left out for a while (outlier ejection) as long as another
remains; when it is time to try it again it gets a single request, and only an answer brings it
back. If every instance has fallen silent the circuit is open: callers are refused at once instead
of each waiting for a timeout, until it is time for the next try.
"""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from services.kit.discovery import Instance

EJECT_AFTER = 5
"""Failures in a row after which an instance that still answers is left out."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 10.0


class Outcome(Enum):
    """How an attempt at an instance went."""

    OK = "ok"
    ERROR = "error"
    """It answered with a server error."""
    SILENT = "silent"
    """It did not answer in time, or cut the connection."""
    REFUSED = "refused"
    """It turned the connection down: nothing was sent, no time was lost."""
    UNREACHABLE = "unreachable"
    """It did not even answer to the connection: nothing was sent."""

    @property
    def unsent(self) -> bool:
        """Whether the instance cannot have seen the request."""
        return self in {Outcome.REFUSED, Outcome.UNREACHABLE}


@dataclass(slots=True)
class _Health:
    failures: int = 0
    pause: float = 0.0
    out_until: float = 0.0
    dark: bool = False
    """Left out because asking it costs a wait for nothing."""


class CircuitOpenError(Exception):
    """No instance answers and it is not yet time to try again."""


class Balancer:
    """Health and turns of the instances of one service.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._health: dict[Instance, _Health] = {}
        self._turn = random.randrange(1 << 16)  # noqa: S311 - replicas should not go in step

    def pick(self, instances: list[Instance], tried: Iterable[Instance] = ()) -> Instance:
        """The instance to ask next.

        Args:
            instances: all that are known now.
            tried: those this request has failed at already; asked again only if there is no other.

        Raises:
            CircuitOpenError: none answers, or none is known.
        """
        self._forget_others(instances)
        now = self._clock()
        fresh = [one for one in instances if one not in set(tried)]
        ready = (
            [one for one in fresh if self._health_of(one).out_until <= now]
            # One that fails but answers, or refuses at once, is better than nothing.
            or [one for one in fresh if not self._health_of(one).dark]
            or [one for one in instances if not self._health_of(one).dark]
        )
        if not ready:
            raise CircuitOpenError
        self._turn += 1
        chosen = ready[self._turn % len(ready)]
        self._hold_back_others(chosen, now)
        return chosen

    def report(self, instance: Instance, outcome: Outcome) -> None:
        """Learn how an attempt went."""
        if outcome is Outcome.OK:
            self._health.pop(instance, None)
            return
        health = self._health_of(instance)
        health.failures += 1
        if outcome.unsent or health.failures >= EJECT_AFTER:
            health.pause = min(max(FIRST_PAUSE, health.pause * 2), LONGEST_PAUSE)
            health.out_until = self._clock() + health.pause
            health.dark = outcome in {Outcome.SILENT, Outcome.UNREACHABLE}

    def _health_of(self, instance: Instance) -> _Health:
        return self._health.setdefault(instance, _Health())

    def _hold_back_others(self, chosen: Instance, now: float) -> None:
        """While one request tries an instance that was left out, the others stay away from it."""
        health = self._health_of(chosen)
        if health.out_until:
            health.out_until = now + health.pause

    def _forget_others(self, instances: list[Instance]) -> None:
        if len(self._health) > 2 * len(instances):
            known = set(instances)
            self._health = {one: h for one, h in self._health.items() if one in known}
