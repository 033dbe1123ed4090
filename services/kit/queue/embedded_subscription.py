"""One consumer of the embedded queue: takes messages, hands them out, keeps their leases."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from observability import get_logger
from services.kit.queue.embedded_store import Claim
from services.kit.queue.port import Handler, QueueUnavailableError

UNAVAILABLE_PAUSE = 1.0
"""Seconds before looking for work again after the file could not be used."""

log = get_logger(__name__)


class Source(Protocol):
    """What a subscription needs of its queue."""

    @property
    def lease_seconds(self) -> float:
        """How long a claim holds without being extended."""

    async def claim(self, queue: str, limit: int) -> tuple[list[Claim], float | None]:
        """Take due messages; tell in how many seconds there may be more, None if unknown."""

    async def extend(self, claims: list[Claim]) -> None:
        """Renew the leases of messages still being handled."""

    async def settle(self, queue: str, claim: Claim, error: BaseException | None) -> None:
        """Do with a handled message what its handler's end asks for."""

    def forget(self, subscription: EmbeddedSubscription) -> None:
        """Drop a stopped subscription."""


class EmbeddedSubscription:
    """Takes messages of one queue as long as there are free hands."""

    def __init__(self, owner: Source, queue: str, handler: Handler, prefetch: int) -> None:
        self._owner = owner
        self._queue = queue
        self._handler = handler
        self._prefetch = prefetch
        self._paused = False
        self._stopping = False
        self._wake = asyncio.Event()
        self._working: dict[asyncio.Task[None], Claim] = {}
        self._taking = asyncio.create_task(self._take(), name=f"consume-{queue}")
        self._keeping = asyncio.create_task(self._keep_leases(), name=f"lease-{queue}")

    def wake(self) -> None:
        """Look for work now."""
        self._wake.set()

    async def pause(self) -> None:
        """See `Subscription.pause`."""
        self._paused = True

    async def resume(self) -> None:
        """See `Subscription.resume`."""
        self._paused = False
        self._wake.set()

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """See `Subscription.stop`."""
        self._stopping = True
        self._wake.set()
        await asyncio.wait([self._taking])
        if self._working:
            _, late = await asyncio.wait(self._working, timeout=grace_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        self._keeping.cancel()
        await asyncio.wait([self._keeping])
        self._owner.forget(self)

    async def _take(self) -> None:
        while not self._stopping:
            self._wake.clear()
            free = 0 if self._paused else self._prefetch - len(self._working)
            pause: float | None = None
            if free > 0:
                pause = await self._take_up_to(free)
            if pause != 0.0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause)

    async def _take_up_to(self, free: int) -> float | None:
        """Start handling; return seconds until it makes sense to look again, None for a call."""
        try:
            claims, pause = await self._owner.claim(self._queue, free)
        except QueueUnavailableError as error:
            log.warning("queue_unavailable", queue=self._queue, error=str(error))
            return UNAVAILABLE_PAUSE
        for claim in claims:
            task = asyncio.create_task(self._handle(claim), name=f"handle-{claim.message.id}")
            self._working[task] = claim
            task.add_done_callback(self._finished)
        return pause

    async def _handle(self, claim: Claim) -> None:
        error: BaseException | None = None
        try:
            await self._handler(claim.message)
        except (Exception, asyncio.CancelledError) as raised:
            error = raised
        try:
            await self._owner.settle(self._queue, claim, error)
        except QueueUnavailableError as gone:
            # The lease runs out and the message is delivered again: late, but not lost.
            log.warning("queue_unavailable", queue=self._queue, error=str(gone))

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._working.pop(task, None)
        self._wake.set()

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._owner.lease_seconds / 3)
            if self._working:
                with contextlib.suppress(QueueUnavailableError):  # tried again at the next beat
                    await self._owner.extend(list(self._working.values()))
