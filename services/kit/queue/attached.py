"""A service's attachment to the queue: consumers that start as soon as the queue is there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from observability import QueueStats, get_logger, observe_queues
from services.kit.queue.port import Handler, Queue, QueueError, Stats, Subscription
from services.kit.queue.topology import Topology

RETRY_SECONDS = 1.0
STATS_SECONDS = 2.0
"""How old the figures on `/metrics` may be: reading them costs a query, a scrape must not."""
STALL_SECONDS = 0.2
"""How soon a stall is noticed."""
STOP_SECONDS = 6.0
"""How long messages at hand get to be finished at a stop: less than a supervisor waits."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Consumer:
    """One queue that a service works on."""

    queue: str
    handler: Handler
    prefetch: int = 1


class Attachment:
    """Declares the topology, runs the consumers and watches the queues' depth.

    A queue that is away when the service starts delays none of it: the service comes up, is not
    ready, and attaches when the queue is back.

    Args:
        queue: What to attach to.
        topology: What to declare.
        consumers: What to work on.
        stalled: Asked continually; while true no new message is taken.
    """

    def __init__(
        self,
        queue: Queue,
        topology: Topology,
        consumers: Iterable[Consumer] = (),
        stalled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._queue = queue
        self._topology = topology
        self._consumers = tuple(consumers)
        self._stalled = stalled
        self._subscriptions: dict[str, Subscription] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stats: list[Stats] = []
        self._attached = asyncio.Event()

    def start(self) -> None:
        """Begin attaching in the background."""
        observe_queues(self.figures)
        self._tasks.append(asyncio.create_task(self._run(), name="queue-attachment"))

    async def check(self) -> None:
        """Raise unless the queue can be used, for readiness."""
        if not self._attached.is_set():
            raise QueueError("not attached to the queue yet")
        await self._queue.ping()

    def figures(self) -> list[QueueStats]:
        """The latest figures of all queues, for `/metrics`."""
        return [QueueStats(s.queue, s.depth, s.oldest_age_seconds) for s in self._stats]

    async def stop(self, grace_seconds: float = STOP_SECONDS) -> None:
        """Take no new work and finish what is begun; the queue stays open."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(*(one.stop(grace_seconds) for one in self._subscriptions.values()))

    async def _run(self) -> None:
        await self._attach()
        await asyncio.gather(self._follow_stall(), self._watch())

    async def _attach(self) -> None:
        while not self._attached.is_set():
            try:
                await self._queue.declare(self._topology)
                for consumer in self._consumers:
                    await self._consume(consumer)
                self._attached.set()
            except QueueError as error:
                log.warning("queue_unavailable", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _consume(self, consumer: Consumer) -> None:
        if consumer.queue not in self._subscriptions:
            self._subscriptions[consumer.queue] = await self._queue.consume(
                consumer.queue, consumer.handler, prefetch=consumer.prefetch
            )

    async def _follow_stall(self) -> None:
        stalled = False
        while True:
            if stalled != self._stalled():
                stalled = not stalled
                log.warning("consumption_stalled" if stalled else "consumption_resumed")
                for subscription in self._subscriptions.values():
                    await (subscription.pause() if stalled else subscription.resume())
            await asyncio.sleep(STALL_SECONDS)

    async def _watch(self) -> None:
        while True:
            try:
                self._stats = await self._queue.stats()
            except QueueError as error:
                log.warning("queue_unavailable", error=str(error))
            await asyncio.sleep(STATS_SECONDS)
