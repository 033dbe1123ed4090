"""What the broker holds for a topology: making it, counting it, looking into it.

Per queue, all durable:

- the queue itself, classic, bound to the topic exchange;
- `<queue>.retry.<ms>`, one for each pause of the retry policy: a failed message waits there and the
  broker moves it back when its time is up;
- `<queue>.dead`, the dead letters.
"""

from __future__ import annotations

import math
import time

import aio_pika
from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from services.kit.queue.port import Stats
from services.kit.queue.rabbitmq_messages import Delivery, decode
from services.kit.queue.topology import RetryPolicy, Topology

LOOK_EVERY_SECONDS = 10.0
"""How old the age of the oldest message may be."""

Taken = list[tuple[AbstractIncomingMessage, Delivery]]


def dead_name(queue: str) -> str:
    """Where the dead letters of a queue are."""
    return f"{queue}.dead"


def retry_name(queue: str, pause: float) -> str:
    """Where messages of a queue wait for `pause` seconds."""
    return f"{queue}.retry.{round(pause * 1000)}"


async def declare(channel: AbstractChannel, topology: Topology) -> None:
    """Create what is missing on the broker."""
    exchange = await channel.declare_exchange(topology.exchange, ExchangeType.TOPIC, durable=True)
    for binding in topology.bindings:
        queue = await channel.declare_queue(
            binding.queue,
            durable=True,
            # Two priorities: a message whose consumer died goes first, see RabbitSubscription.
            arguments={"x-queue-type": "classic", "x-max-priority": 1},
        )
        for pattern in binding.patterns:
            await queue.bind(exchange, pattern)
        await channel.declare_queue(
            dead_name(binding.queue), durable=True, arguments={"x-queue-type": "classic"}
        )
        await _declare_retries(channel, binding.queue, topology.retry)


async def _declare_retries(channel: AbstractChannel, queue: str, retry: RetryPolicy) -> None:
    for pause in retry.backoff_seconds:
        await channel.declare_queue(
            retry_name(queue, pause),
            durable=True,
            arguments={
                # Quorum queues alone wait for a confirm before they let go of a message whose time
                # is up.
                "x-queue-type": "quorum",
                "x-message-ttl": round(pause * 1000),
                "x-overflow": "reject-publish",
                "x-dead-letter-strategy": "at-least-once",
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": queue,
            },
        )


async def to_queue(channel: AbstractChannel, queue: str, message: aio_pika.Message) -> None:
    """Publish straight into one queue and wait for the confirm."""
    await channel.default_exchange.publish(message, queue, mandatory=True)


class Counting:
    """How queues stand.

    The age is read off the message at the head, which is taken and put back: AMQP has no other way.
    The broker marks it as delivered by that, which to a consumer looks as if another had died over
    it; so it is done now and then only, and in between the age is what it was then.
    """

    def __init__(self) -> None:
        self._ages: dict[str, tuple[float, float]] = {}

    async def count(self, channel: AbstractChannel, queue: str, retry: RetryPolicy) -> Stats:
        """How one queue stands."""
        ready = await _length(channel, queue)
        paused = [await _length(channel, retry_name(queue, p)) for p in retry.backoff_seconds]
        age = await self._age(channel, queue, ready)
        return Stats(queue, ready + sum(paused), age, await _length(channel, dead_name(queue)))

    async def _age(self, channel: AbstractChannel, queue: str, ready: int) -> float:
        now = time.monotonic()
        looked_at, age = self._ages.get(queue, (-math.inf, 0.0))
        if not ready:
            age = 0.0
        elif now - looked_at >= LOOK_EVERY_SECONDS:
            looked_at, age = now, await _age_of_head(channel, queue)
        self._ages[queue] = looked_at, age
        return age


async def take(channel: AbstractChannel, name: str, limit: int | None) -> Taken:
    """Take messages that are there now; they go back when the channel is closed unacknowledged."""
    queue = await channel.get_queue(name, ensure=False)
    wanted = await _length(channel, name)
    taken: Taken = []
    while len(taken) < (wanted if limit is None else min(limit, wanted)):
        incoming = await queue.get(fail=False)
        if incoming is None:
            break
        taken.append((incoming, decode(incoming)))
    return taken


async def _length(channel: AbstractChannel, name: str) -> int:
    queue = await channel.declare_queue(name, passive=True)
    return queue.declaration_result.message_count or 0


async def _age_of_head(channel: AbstractChannel, name: str) -> float:
    queue = await channel.get_queue(name, ensure=False)
    head = await queue.get(fail=False)
    if head is None:
        return 0.0
    try:
        return max(0.0, time.time() - decode(head).enqueued_at)
    finally:
        await head.nack(requeue=True)
