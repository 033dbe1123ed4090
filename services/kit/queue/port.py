"""What the shop asks of a queue, whichever one is behind it.

Producers publish an event under a routing key to a topic exchange; each queue is bound to the
patterns it wants and gets its own copy. The guarantees, proven for every implementation by one
contract test suite:

- **Durable.** `publish` returns once every bound queue has the message on disk.
- **At least once.** A message leaves its queue only when its handler has returned. If the consumer
  dies first, the message is delivered again; so handlers must be idempotent (see `kit.outbox`).
- **Bounded retries.** A handler that raises is tried again after a growing pause, and after
  `RetryPolicy.max_attempts` failures the message moves to the dead letters, the reason kept. A
  message whose consumers keep dying over it ends there too. `TryLaterError` is not a failure: it
  waits for a dependency that is down, for `RetryPolicy.give_up_seconds` at most.
- **Replayable.** Dead letters can be looked at and put back.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from services.kit.queue.topology import Topology

Body = dict[str, Any]
Headers = dict[str, str]


class QueueError(Exception):
    """The queue refused what was asked of it."""


class QueueUnavailableError(QueueError):
    """The queue could not be reached in time; the message may or may not have been stored."""


class UnroutableError(QueueError):
    """No queue is bound to the routing key, so publishing would have lost the message."""


class UnknownQueueError(QueueError):
    """The named queue has not been declared."""


class TryLaterError(Exception):
    """Raised by a handler whose dependency is down: retried with back-off, not counted as a try."""


class RejectedError(Exception):
    """Raised by a handler that can never process this message: dead-lettered at once."""


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery to a handler."""

    id: str
    """Given by the publisher and kept across redeliveries: what idempotent handlers remember."""
    routing_key: str
    body: Body
    headers: Headers
    attempt: int
    """1 for the first try, one more after each failed one."""
    enqueued_at: float
    """Unix seconds at which the queue first stored it."""


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message that was given up."""

    message: Message
    reason: str
    died_at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Stats:
    """How one queue stands."""

    queue: str
    depth: int
    """Messages waiting for a consumer, those pausing before a retry included."""
    oldest_age_seconds: float
    """How long the one at the head of the queue has been waiting; 0 when none is."""
    dead: int


Handler = Callable[[Message], Awaitable[None]]
OnDead = Callable[[str], None]
"""Called with the queue's name whenever one of its messages becomes a dead letter."""


@runtime_checkable
class Subscription(Protocol):
    """A running consumer of one queue."""

    async def pause(self) -> None:
        """Take no new message; those being handled finish."""

    async def resume(self) -> None:
        """Take messages again after `pause`."""

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """Take no new message and wait for those being handled.

        What is unfinished after `grace_seconds` is cancelled and delivered again elsewhere.
        """


class Queue(Protocol):
    """A durable topic-routed queue. Every call may raise `QueueUnavailableError`."""

    async def declare(self, topology: Topology) -> None:
        """Create the queues and bindings that are missing; safe to repeat."""

    async def publish(
        self,
        routing_key: str,
        body: Body,
        headers: Mapping[str, str] | None = None,
        message_id: str | None = None,
    ) -> None:
        """Store a message durably in every queue bound to `routing_key`.

        Args:
            routing_key: Dotted words, e.g. `order.paid`.
            body: Any JSON object.
            headers: Text values carried beside the body (trace context).
            message_id: Kept across redeliveries and repeated publishing; made up if not given.

        Raises:
            UnroutableError: No queue is bound to the key.
        """

    async def consume(self, queue: str, handler: Handler, *, prefetch: int = 1) -> Subscription:
        """Start handing messages of `queue` to `handler`, at most `prefetch` at the same time.

        Raises:
            UnknownQueueError: The queue has not been declared.
        """

    async def stats(self) -> list[Stats]:
        """Depth, age and dead letters of every declared queue, by name."""

    async def peek(self, queue: str, limit: int = 10) -> list[Message]:
        """Up to `limit` messages ready to be taken, next one first, left where they are."""

    async def dead(self, queue: str, limit: int = 100) -> list[DeadMessage]:
        """Up to `limit` dead letters, oldest first, left where they are."""

    async def replay(self, queue: str, message_id: str | None = None) -> int:
        """Put dead letters back at the end of their queue with a fresh count of tries.

        Args:
            queue: Whose dead letters.
            message_id: Only this one; all if not given.

        Returns:
            How many were put back.
        """

    async def ping(self) -> None:
        """Return if the queue can be used now, for readiness."""

    async def close(self) -> None:
        """Stop all subscriptions and let go of files and connections."""


@dataclass(slots=True)
class Envelope:
    """What `publish` is asked to store, with its defaults filled in."""

    routing_key: str
    body: Body
    headers: Headers = field(default_factory=dict)
    message_id: str = ""

    @classmethod
    def of(
        cls,
        routing_key: str,
        body: Body,
        headers: Mapping[str, str] | None,
        message_id: str | None,
    ) -> Envelope:
        """Build one from the arguments of `Queue.publish`."""
        return cls(routing_key, body, dict(headers or {}), message_id or uuid.uuid4().hex)
