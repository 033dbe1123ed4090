"""Queues for tests: either implementation, with a lease short enough to wait for."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from services.kit.queue.embedded import EmbeddedQueue
from services.kit.queue.port import Message, Queue
from services.kit.queue.rabbitmq import RabbitQueue
from services.kit.queue.topology import Binding, RetryPolicy, Topology
from tests.support.waiting import eventually_async

LEASE_SECONDS = 1.0


def open_for_test(url: str, *, patience_seconds: float = 60.0) -> Queue:
    """The queue at the URL; its patience outlasts a broker's start on a busy machine."""
    if url.startswith("sqlite:///"):
        return EmbeddedQueue(Path(url.removeprefix("sqlite:///")), lease_seconds=LEASE_SECONDS)
    return RabbitQueue(url, patience_seconds=patience_seconds)


def topology(name: str) -> Topology:
    """Two overlapping queues of the given name and quick retries."""
    return Topology(
        exchange=name,
        bindings=(
            Binding(f"{name}-paid", ("order.paid",)),
            Binding(f"{name}-all", ("order.*", "shipment.#")),
        ),
        retry=RetryPolicy(
            max_attempts=3, backoff_seconds=(0.1, 0.2), max_redeliveries=2, give_up_seconds=60
        ),
    )


class Received:
    """A handler that keeps what it gets."""

    def __init__(self, then: Callable[[Message], Awaitable[None]] | None = None) -> None:
        self.messages: list[Message] = []
        self.times: list[float] = []
        self._then = then

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)
        self.times.append(time.monotonic())
        if self._then is not None:
            await self._then(message)

    @property
    def ids(self) -> list[str]:
        """The ids of the messages received, in order."""
        return [message.id for message in self.messages]

    async def reaches(self, count: int, within: float = 20.0) -> None:
        """Wait until so many have been received."""
        await eventually_async(lambda: len(self.messages) >= count, within, f"{count} messages")


async def dead_reasons(queue: Queue, name: str, count: int) -> list[str]:
    """The reasons of the dead letters, once there are so many."""
    deadline = time.monotonic() + 20
    while len(letters := await queue.dead(name)) < count:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return [letter.reason for letter in letters]


async def depth(queue: Queue, name: str) -> int:
    """How many messages wait in a queue."""
    return next(one.depth for one in await queue.stats() if one.queue == name)
