"""The queue over RabbitMQ.

Messages are persistent and every publication waits for the broker's confirm. A retry or a burial is
published and confirmed before the original is acknowledged, so a crash in between leaves two copies
rather than none.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from aio_pika.abc import AbstractChannel

from services.kit.queue.port import (
    Body,
    DeadMessage,
    Envelope,
    Handler,
    Message,
    OnDead,
    QueueUnavailableError,
    Stats,
    UnknownQueueError,
)
from services.kit.queue.rabbitmq_link import LOST, Link, close_channel
from services.kit.queue.rabbitmq_messages import Delivery, encode
from services.kit.queue.rabbitmq_subscription import Job, RabbitSubscription
from services.kit.queue.rabbitmq_topology import (
    Counting,
    Taken,
    dead_name,
    declare,
    take,
    to_queue,
)
from services.kit.queue.topology import Topology

PATIENCE_SECONDS = 5.0
"""How long a call waits for a broker that is away before it says so."""


class RabbitQueue:
    """`kit.queue.port.Queue` over an AMQP 0-9-1 broker."""

    def __init__(
        self,
        url: str,
        *,
        on_dead: OnDead | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._link = Link(url, patience_seconds)
        self._on_dead = on_dead or (lambda _queue: None)
        self._topology: Topology | None = None
        self._counting = Counting()
        self._subscriptions: set[RabbitSubscription] = set()

    async def declare(self, topology: Topology) -> None:
        """See `Queue.declare`."""
        await self._link.call(lambda channel: declare(channel, topology))
        self._topology = topology

    async def publish(
        self,
        routing_key: str,
        body: Body,
        headers: Mapping[str, str] | None = None,
        message_id: str | None = None,
    ) -> None:
        """See `Queue.publish`."""
        exchange = self._declared().exchange
        envelope = Envelope.of(routing_key, body, headers, message_id)
        message = encode(Delivery(envelope, time.time()))

        async def work(channel: AbstractChannel) -> None:
            target = await channel.get_exchange(exchange, ensure=False)
            await target.publish(message, routing_key, mandatory=True)

        await self._link.call(work)

    async def consume(
        self, queue: str, handler: Handler, *, prefetch: int = 1
    ) -> RabbitSubscription:
        """See `Queue.consume`."""
        self._require(queue)
        job = Job(self._declared(), queue, handler, prefetch, self._on_dead)
        subscription = RabbitSubscription(self._link, job)
        self._subscriptions.add(subscription)
        return subscription

    async def stats(self) -> list[Stats]:
        """See `Queue.stats`."""
        topology = self._declared()
        names = sorted(binding.queue for binding in topology.bindings)

        async def work(channel: AbstractChannel) -> list[Stats]:
            return [await self._counting.count(channel, name, topology.retry) for name in names]

        return await self._link.call(work)

    async def peek(self, queue: str, limit: int = 10) -> list[Message]:
        """See `Queue.peek`."""
        self._require(queue)
        async with self._borrowed(queue, limit) as deliveries:
            return [delivery.message() for _, delivery in deliveries]

    async def dead(self, queue: str, limit: int = 100) -> list[DeadMessage]:
        """See `Queue.dead`."""
        self._require(queue)
        async with self._borrowed(dead_name(queue), limit) as deliveries:
            return [
                # A dead letter tells how often it was tried, not which try would come next.
                DeadMessage(
                    replace(delivery.message(), attempt=delivery.failures),
                    delivery.reason,
                    delivery.died_at,
                )
                for _, delivery in deliveries
            ]

    async def replay(self, queue: str, message_id: str | None = None) -> int:
        """See `Queue.replay`."""
        self._require(queue)
        done = 0
        async with self._borrowed(dead_name(queue), None) as deliveries:
            for incoming, delivery in deliveries:
                if message_id not in (None, delivery.envelope.message_id):
                    continue
                await self._put_back(queue, delivery)
                await incoming.ack()
                done += 1
        return done

    async def ping(self) -> None:
        """See `Queue.ping`."""
        exchange = self._declared().exchange
        await self._link.call(lambda channel: channel.get_exchange(exchange))

    async def close(self) -> None:
        """See `Queue.close`."""
        await asyncio.gather(*(subscription.stop() for subscription in self._subscriptions))
        await self._link.close()

    async def _put_back(self, queue: str, delivery: Delivery) -> None:
        again = encode(delivery.fresh())
        await self._link.call(lambda channel: to_queue(channel, queue, again))

    def _declared(self) -> Topology:
        if self._topology is None:
            raise UnknownQueueError("no topology has been declared yet")
        return self._topology

    def _require(self, queue: str) -> None:
        known = [binding.queue for binding in self._declared().bindings]
        if queue not in known:
            raise UnknownQueueError(f"no queue is called {queue!r}; known: {sorted(known)}")

    @contextlib.asynccontextmanager
    async def _borrowed(self, name: str, limit: int | None) -> AsyncIterator[Taken]:
        """Messages taken off a queue for a look; those not acknowledged go back to their places."""
        try:
            channel = await self._link.channel()
        except LOST as error:
            raise QueueUnavailableError(f"RabbitMQ at {self._link.address} is away") from error
        try:
            yield await take(channel, name, limit)
        finally:
            await close_channel(channel)
