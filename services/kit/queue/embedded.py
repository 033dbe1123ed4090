"""The queue that needs no server: one SQLite file shared by all processes of the machine."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from observability import get_logger
from services.kit.queue import policy
from services.kit.queue.embedded_store import Claim, Store
from services.kit.queue.embedded_subscription import EmbeddedSubscription
from services.kit.queue.embedded_thread import StoreThread
from services.kit.queue.port import (
    Body,
    DeadMessage,
    Envelope,
    Handler,
    Message,
    OnDead,
    QueueUnavailableError,
    Stats,
)
from services.kit.queue.topology import RetryPolicy, Topology

LEASE_SECONDS = 10.0
"""How soon a message is delivered again after its consumer has died without a word."""

T = TypeVar("T")
log = get_logger(__name__)


class EmbeddedQueue:
    """`kit.queue.port.Queue` over a SQLite file.

    A consumer's claim on a message is a lease that it keeps extending; a killed consumer's messages
    are free again when its lease runs out.
    """

    def __init__(
        self, path: Path, *, on_dead: OnDead | None = None, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._path = path
        self._on_dead = on_dead or (lambda _queue: None)
        self._lease_seconds = lease_seconds
        self._retry = RetryPolicy()
        self._opening = asyncio.Lock()
        self._thread: StoreThread | None = None
        self._closed = False
        self._subscriptions: set[EmbeddedSubscription] = set()

    async def declare(self, topology: Topology) -> None:
        """See `Queue.declare`."""
        self._retry = topology.retry
        await self._write(lambda store: store.declare(topology))

    async def publish(
        self,
        routing_key: str,
        body: Body,
        headers: Mapping[str, str] | None = None,
        message_id: str | None = None,
    ) -> None:
        """See `Queue.publish`."""
        envelope = Envelope.of(routing_key, body, headers, message_id)
        await self._write(lambda store: store.publish(envelope))
        self._wake_all()

    async def consume(
        self, queue: str, handler: Handler, *, prefetch: int = 1
    ) -> EmbeddedSubscription:
        """See `Queue.consume`."""
        await self._read(lambda store: store.require(queue))
        (await self._open()).watch()
        subscription = EmbeddedSubscription(self, queue, handler, prefetch)
        self._subscriptions.add(subscription)
        return subscription

    async def stats(self) -> list[Stats]:
        """See `Queue.stats`."""
        return await self._read(lambda store: store.stats())

    async def peek(self, queue: str, limit: int = 10) -> list[Message]:
        """See `Queue.peek`."""
        return await self._read(lambda store: store.peek(queue, limit))

    async def dead(self, queue: str, limit: int = 100) -> list[DeadMessage]:
        """See `Queue.dead`."""
        return await self._read(lambda store: store.dead(queue, limit))

    async def replay(self, queue: str, message_id: str | None = None) -> int:
        """See `Queue.replay`."""
        count = await self._write(lambda store: store.replay(queue, message_id))
        self._wake_all()
        return count

    async def ping(self) -> None:
        """See `Queue.ping`."""
        await self._read(lambda store: store.data_version())

    async def close(self) -> None:
        """See `Queue.close`."""
        await asyncio.gather(*(subscription.stop() for subscription in set(self._subscriptions)))
        self._closed = True
        if self._thread is not None:
            await self._thread.close()

    # -- for subscriptions ----------------------------------------------------------------------

    async def claim(self, queue: str, limit: int) -> tuple[list[Claim], float | None]:
        """Take due messages; also tell in how many seconds there may be more, if known."""
        due = await self._read(lambda store: store.next_due(queue))
        if due is None or due > time.time():
            return [], None if due is None else due - time.time()
        lease, deaths = self._lease_seconds, self._retry.max_redeliveries
        claims = await self._write(lambda store: store.claim(queue, limit, lease, deaths))
        for _ in range(claims.dead):
            self._on_dead(queue)
        return claims.taken, 0.0

    async def extend(self, claims: list[Claim]) -> None:
        """Renew the leases of messages still being handled."""
        await self._write(lambda store: store.extend(claims, self._lease_seconds))

    async def settle(self, queue: str, claim: Claim, error: BaseException | None) -> None:
        """Do with a handled message what its handler's end asks for."""
        message = claim.message
        if error is None:
            if not await self._write(lambda store: store.acknowledge(claim)):
                log.warning("queue_lease_lost", queue=queue, message_id=message.id)
            return
        verdict = policy.after(error, self._retry, message, claim.deferrals)
        if isinstance(verdict, policy.Again):
            await self._write(lambda store: store.give_back(claim, verdict))
        elif await self._write(lambda store: store.bury(claim, verdict)):
            self._on_dead(queue)

    @property
    def lease_seconds(self) -> float:
        """How long a claim holds without being extended."""
        return self._lease_seconds

    def forget(self, subscription: EmbeddedSubscription) -> None:
        """Drop a stopped subscription."""
        self._subscriptions.discard(subscription)

    # -- inside -----------------------------------------------------------------------------------

    async def _open(self) -> StoreThread:
        async with self._opening:
            if self._closed:
                raise QueueUnavailableError("the queue has been closed")
            if self._thread is None:
                try:
                    store = await asyncio.to_thread(Store, self._path)
                except OSError as error:
                    raise QueueUnavailableError(f"cannot open {self._path}: {error}") from error
                self._thread = StoreThread(store, self._wake_all)
            return self._thread

    async def _read(self, work: Callable[[Store], T]) -> T:
        with _as_unavailable():
            return await (await self._open()).read(work)

    async def _write(self, work: Callable[[Store], T]) -> T:
        with _as_unavailable():
            return await (await self._open()).write(work)

    def _wake_all(self) -> None:
        for subscription in self._subscriptions:
            subscription.wake()


@contextlib.contextmanager
def _as_unavailable() -> Iterator[None]:
    """Tell callers of any queue the same when the file cannot be used (locked, full, gone)."""
    try:
        yield
    except sqlite3.Error as error:
        raise QueueUnavailableError(f"the queue's file cannot be used: {error}") from error
