"""Any queue, with each message's publication and processing as spans of one trace."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from observability import ENQUEUED_AT, process_span, publish_span
from services.kit.queue.port import (
    Body,
    DeadMessage,
    Handler,
    Message,
    Queue,
    Stats,
    Subscription,
)
from services.kit.queue.topology import Topology


class TracedQueue:
    """Adds the trace context to published messages and takes it up around handlers.

    Args:
        inner: The queue itself.
        system: What its spans call it, such as `rabbitmq`.
    """

    def __init__(self, inner: Queue, system: str) -> None:
        self._inner = inner
        self._system = system

    async def declare(self, topology: Topology) -> None:
        """See `Queue.declare`."""
        await self._inner.declare(topology)

    async def publish(
        self,
        routing_key: str,
        body: Body,
        headers: Mapping[str, str] | None = None,
        message_id: str | None = None,
    ) -> None:
        """See `Queue.publish`; the span and its metric are named by the routing key."""
        sent = dict(headers or {})
        message_id = message_id or uuid.uuid4().hex
        with publish_span(routing_key, sent, message_id, routing_key, system=self._system):
            await self._inner.publish(routing_key, body, sent, message_id)

    async def consume(self, queue: str, handler: Handler, *, prefetch: int = 1) -> Subscription:
        """See `Queue.consume`; the span and its metrics are named by the queue."""

        async def traced(message: Message) -> None:
            headers, attempt = dict(message.headers), message.attempt
            if ENQUEUED_AT in headers:
                # The queue knows better: what was put back after its death waits anew.
                headers[ENQUEUED_AT] = repr(message.enqueued_at)
            with process_span(queue, headers, message.id, attempt, system=self._system):
                await handler(message)

        return await self._inner.consume(queue, traced, prefetch=prefetch)

    async def stats(self) -> list[Stats]:
        """See `Queue.stats`."""
        return await self._inner.stats()

    async def peek(self, queue: str, limit: int = 10) -> list[Message]:
        """See `Queue.peek`."""
        return await self._inner.peek(queue, limit)

    async def dead(self, queue: str, limit: int = 100) -> list[DeadMessage]:
        """See `Queue.dead`."""
        return await self._inner.dead(queue, limit)

    async def replay(self, queue: str, message_id: str | None = None) -> int:
        """See `Queue.replay`."""
        return await self._inner.replay(queue, message_id)

    async def ping(self) -> None:
        """See `Queue.ping`."""
        await self._inner.ping()

    async def close(self) -> None:
        """See `Queue.close`."""
        await self._inner.close()
