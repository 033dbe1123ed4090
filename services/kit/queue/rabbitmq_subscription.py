"""One consumer of a RabbitMQ queue, which comes back after the broker has been away.

The broker gives back what a dead consumer was working on, marked as redelivered but not counted.
To bound how many consumers one message may kill, a redelivered message is first put back at the
front of its queue with the count raised, and handled when it comes round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from observability import get_logger
from services.kit.queue import policy
from services.kit.queue.port import Handler, OnDead, QueueUnavailableError, RejectedError
from services.kit.queue.rabbitmq_link import LOST, Link, close_channel
from services.kit.queue.rabbitmq_messages import Delivery, decode, encode
from services.kit.queue.rabbitmq_topology import dead_name, declare, retry_name, to_queue
from services.kit.queue.topology import Topology

RECONNECT_SECONDS = 0.5
PUT_BACK_SECONDS = 2.0
"""How long a stop waits for the broker to take back what could not be finished."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """What a subscription is to do."""

    topology: Topology
    queue: str
    handler: Handler
    prefetch: int
    on_dead: OnDead


class RabbitSubscription:
    """`kit.queue.port.Subscription` on a channel of its own."""

    def __init__(self, link: Link, job: Job) -> None:
        self._link = link
        self._job = job
        self._paused = False
        self._stopping = False
        self._grace_seconds = 0.0
        self._changed = asyncio.Event()
        self._working: set[asyncio.Task[None]] = set()
        self._running = asyncio.create_task(self._run(), name=f"consume-{job.queue}")

    async def pause(self) -> None:
        """See `Subscription.pause`."""
        self._paused = True
        self._changed.set()

    async def resume(self) -> None:
        """See `Subscription.resume`."""
        self._paused = False
        self._changed.set()

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """See `Subscription.stop`."""
        self._stopping = True
        self._grace_seconds = grace_seconds
        self._changed.set()
        await asyncio.wait([self._running])

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._session()
            except (*LOST, QueueUnavailableError) as error:
                log.warning("queue_unavailable", queue=self._job.queue, error=type(error).__name__)
            if not self._stopping:
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _session(self) -> None:
        """Consume until told to stop or the channel is lost."""
        channel = await self._link.channel()
        try:
            # Again, because a broker may come back empty.
            await declare(channel, self._job.topology)
            await channel.set_qos(prefetch_count=self._job.prefetch)
            await self._consume(channel)
            await self._drain()
        finally:
            await close_channel(channel)

    async def _consume(self, channel: AbstractChannel) -> None:
        queue = await channel.get_queue(self._job.queue, ensure=False)

        async def deliver(incoming: AbstractIncomingMessage) -> None:
            task = asyncio.create_task(self._receive(channel, incoming))
            self._working.add(task)
            task.add_done_callback(self._working.discard)

        while not self._stopping and not channel.is_closed:
            self._changed.clear()
            tag = None if self._paused else await queue.consume(deliver)
            await _either(self._changed.wait(), channel.closed())
            if tag is not None and not channel.is_closed:
                await queue.cancel(tag)

    async def _drain(self) -> None:
        """Wait for the handlers at work; cancel those that take too long."""
        if self._working:
            _, late = await asyncio.wait(self._working, timeout=self._grace_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _receive(self, channel: AbstractChannel, incoming: AbstractIncomingMessage) -> None:
        try:
            await self._settle(channel, incoming)
        except Exception as error:
            # The message is neither done with nor given back, and as long as the channel lives it
            # would stay so and take up a place. With the channel it goes back to the queue.
            log.warning("queue_unavailable", queue=self._job.queue, error=type(error).__name__)
            await close_channel(channel)

    async def _settle(self, channel: AbstractChannel, incoming: AbstractIncomingMessage) -> None:
        job = self._job
        delivery = decode(incoming)
        if incoming.redelivered:
            await self._recount(channel, delivery)
        elif (error := await _outcome(job.handler, delivery)) is not None:
            verdict = policy.after(
                error, job.topology.retry, delivery.message(), delivery.deferrals
            )
            if isinstance(verdict, policy.GiveUp):
                await self._bury(channel, delivery, verdict)
            elif verdict.failed or verdict.deferred:
                later = replace(
                    delivery,
                    failures=delivery.failures + verdict.failed,
                    deferrals=delivery.deferrals + verdict.deferred,
                )
                name = retry_name(job.queue, verdict.pause_seconds)
                await to_queue(channel, name, encode(later))
            elif not await self._put_back(channel, delivery):
                await incoming.nack(requeue=True)
                return
        await incoming.ack()

    async def _put_back(self, channel: AbstractChannel, delivery: Delivery) -> bool:
        """Put what a stop has cut short back at the front; False if the broker is too slow.

        Not by nack, which would mark it like the message of a consumer that has died.
        """
        try:
            async with asyncio.timeout(PUT_BACK_SECONDS):
                await to_queue(channel, self._job.queue, encode(delivery, front=True))
        except TimeoutError:
            return False
        return True

    async def _recount(self, channel: AbstractChannel, delivery: Delivery) -> None:
        job = self._job
        again = replace(delivery, redeliveries=delivery.redeliveries + 1)
        if again.redeliveries > job.topology.retry.max_redeliveries:
            reason = policy.died_too_often(again.redeliveries)
            await self._bury(channel, again, policy.GiveUp(reason, failed=False))
        else:
            await to_queue(channel, job.queue, encode(again, front=True))

    async def _bury(
        self, channel: AbstractChannel, delivery: Delivery, verdict: policy.GiveUp
    ) -> None:
        dead = replace(delivery, failures=delivery.failures + verdict.failed)
        message = encode(dead.buried(verdict.reason))
        await to_queue(channel, dead_name(self._job.queue), message)
        self._job.on_dead(self._job.queue)


async def _outcome(handler: Handler, delivery: Delivery) -> BaseException | None:
    if delivery.undecodable:
        return RejectedError(delivery.undecodable)
    try:
        await handler(delivery.message())
    except (Exception, asyncio.CancelledError) as error:
        return error
    return None


async def _either(*waits: Awaitable[Any]) -> None:
    """Wait for the first and let go of the others."""
    futures = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for future in futures:
            future.cancel()
