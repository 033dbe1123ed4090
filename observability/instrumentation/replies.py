"""What a request to the collector can come to, and how long to wait after a failed one."""

import random
import time
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 5.0
MAX_RETRY_AFTER_SECONDS = 60.0


class Outcome(Enum):
    """What became of one request to the collector."""

    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Reply:
    """The collector's answer.

    Attributes:
        outcome: whether the items are delivered, to be sent again, or refused for good.
        rejected: of delivered items, how many the collector said it did not take.
        retry_after: seconds that the collector asks to be left alone.
        reason: for people: a status or the name of an exception.
    """

    outcome: Outcome
    rejected: int = 0
    retry_after: float | None = None
    reason: str = ""


class Sender(Protocol):
    """Makes requests to the collector."""

    def __call__(self, body: bytes) -> Reply:
        """Send one encoded request."""
        ...

    def close(self) -> None:
        """Give up the connection."""
        ...

    def forget(self) -> None:
        """Leave the connection to the process that this one was forked from."""
        ...


class Backoff:
    """When to try again: later after each failure, or when the collector says."""

    def __init__(self) -> None:
        self._pause = FIRST_BACKOFF_SECONDS
        self._until = 0.0

    @property
    def left(self) -> float:
        """Seconds until it is time to try again."""
        return max(self._until - time.monotonic(), 0.0)

    def failed(self, reply: Reply) -> None:
        """Wait after this answer."""
        pause = self._pause * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
        if reply.retry_after is not None:
            pause = min(reply.retry_after, MAX_RETRY_AFTER_SECONDS)
        self._until = time.monotonic() + pause
        self._pause = min(self._pause * 2, MAX_BACKOFF_SECONDS)
