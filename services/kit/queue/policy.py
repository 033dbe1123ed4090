"""What becomes of a message whose handler did not end well: one rule for every queue."""

from __future__ import annotations

import time
from dataclasses import dataclass

from services.kit.queue.port import Message, RejectedError, TryLaterError
from services.kit.queue.topology import RetryPolicy

REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Again:
    """Try again."""

    pause_seconds: float
    failed: bool
    """Counts as a failed try."""
    deferred: bool
    """Waits for a dependency."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Make it a dead letter."""

    reason: str
    failed: bool


def after(
    error: BaseException, retry: RetryPolicy, message: Message, deferrals: int
) -> Again | GiveUp:
    """Decide about a message whose handler raised.

    Args:
        error: What it raised; anything but an `Exception` means that it was cancelled by a stop.
        retry: The queue's policy.
        message: What was being handled; its `attempt` tells how often it was tried.
        deferrals: How often it has been put off by `TryLaterError` before.
    """
    if not isinstance(error, Exception):
        return Again(0.0, failed=False, deferred=False)
    reason = f"{type(error).__name__}: {error}"[:REASON_LIMIT]
    if isinstance(error, TryLaterError):
        if time.time() - message.enqueued_at > retry.give_up_seconds:
            return GiveUp(reason, failed=False)
        return Again(retry.pause_after(deferrals + 1), failed=False, deferred=True)
    if isinstance(error, RejectedError) or message.attempt >= retry.max_attempts:
        return GiveUp(reason, failed=True)
    return Again(retry.pause_after(message.attempt), failed=True, deferred=False)


def died_too_often(times: int) -> str:
    """The reason kept with a message that outlived too many consumers."""
    return f"its consumer died {times} times while handling it"
