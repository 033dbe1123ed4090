"""Routing patterns, and what becomes of a message whose handler fails."""

import asyncio
import time

import pytest

from services.kit.queue import policy
from services.kit.queue.opening import open_plain
from services.kit.queue.port import Message, RejectedError, TryLaterError
from services.kit.queue.topology import SHOP, RetryPolicy, matches

RETRY = RetryPolicy(max_attempts=3, backoff_seconds=(1.0, 5.0), give_up_seconds=60)


def message(attempt: int = 1, age: float = 0.0) -> Message:
    """One that has been tried so often and was published so long ago."""
    return Message("id", "order.paid", {}, {}, attempt, time.time() - age)


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("order.paid", "order.paid", True),
        ("order.paid", "order.placed", False),
        ("order.*", "order.paid", True),
        ("order.*", "order", False),
        ("order.*", "order.paid.twice", False),
        ("order.#", "order", True),
        ("order.#", "order.paid.twice", True),
        ("#", "anything.at.all", True),
        ("#.paid", "order.paid", True),
        ("*.paid", "order.paid", True),
        ("#.paid.#", "a.paid.b.c", True),
        ("#.paid.#", "a.b.c", False),
        ("order.*", "orders.paid", False),
    ],
)
def test_patterns_match_as_topics_do(pattern: str, key: str, expected: bool) -> None:
    """`*` is one word and `#` any number of them, none included."""
    assert matches(pattern, key) is expected


def test_every_event_of_the_shop_has_a_queue() -> None:
    """No event that the shop publishes would be refused as unroutable; orders hear no orders."""
    keys = [
        *(f"order.{what}" for what in ("placed", "paid", "cancelled")),
        *(f"shipment.{what}" for what in ("created", "in_transit", "delivered", "failed")),
    ]
    heard = {
        key: {b.queue for b in SHOP.bindings if any(matches(p, key) for p in b.patterns)}
        for key in keys
    }
    assert heard["order.paid"] == {"shipping", "notification", "analytics"}
    assert heard["order.placed"] == {"notification", "analytics"}
    assert heard["shipment.created"] == {"orders", "notification", "analytics"}
    assert all(heard.values())


def test_failures_pause_longer_and_longer_and_end() -> None:
    """Pauses of 1 and 5 s, the last repeated; no pause after the last try but the end."""
    first = policy.after(ValueError("x"), RETRY, message(1), 0)
    second = policy.after(ValueError("x"), RETRY, message(2), 0)
    third = policy.after(ValueError("x"), RETRY, message(3), 0)
    assert first == policy.Again(1.0, failed=True, deferred=False)
    assert second == policy.Again(5.0, failed=True, deferred=False)
    assert third == policy.GiveUp("ValueError: x", failed=True)
    assert RETRY.pause_after(7) == 5.0


def test_rejection_ends_it_at_once() -> None:
    """The reason is kept, cut to a bounded length."""
    verdict = policy.after(RejectedError("y" * 2000), RETRY, message(), 0)
    assert isinstance(verdict, policy.GiveUp)
    assert verdict.reason.startswith("RejectedError: yyy")
    assert len(verdict.reason) == policy.REASON_LIMIT


def test_waiting_for_a_dependency_ends_only_by_age() -> None:
    """Any number of deferrals, but not beyond the time to give up."""
    again = policy.after(TryLaterError("down"), RETRY, message(3, age=59), 99)
    assert again == policy.Again(5.0, failed=False, deferred=True)
    ended = policy.after(TryLaterError("down"), RETRY, message(1, age=61), 0)
    assert ended == policy.GiveUp("TryLaterError: down", failed=False)


def test_cancellation_counts_for_nothing() -> None:
    """A stop in the middle of a handler gives the message back as it was."""
    verdict = policy.after(asyncio.CancelledError(), RETRY, message(3), 0)
    assert verdict == policy.Again(0.0, failed=False, deferred=False)


@pytest.mark.parametrize("url", ["queue.db", "redis://localhost", "sqlite://", "sqlite:///", ""])
def test_url_of_neither_kind_is_refused(url: str) -> None:
    """The message says which kinds there are."""
    with pytest.raises(ValueError, match="sqlite:/// or amqp://"):
        open_plain(url)
