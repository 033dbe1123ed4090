"""Gathers evidence in the background: a notification never waits for it to be kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from observability.alerting.evidence.asking import Backends
from observability.alerting.evidence.gather import gather
from observability.alerting.evidence.model import Evidence, Ways
from observability.alerting.evidence.ways import Places
from observability.alerting.ledger import Ledger
from observability.alerting.notifications import Notification, Store
from observability.settings import Settings

_AT_ONCE = 2
_OF_ONE_INCIDENT = 3
_BACKLOG = 20
_MADE_UP_FOR = timedelta(minutes=15)


class Gatherer:
    """Two at once, in the order in which they fired; a flood is cut off and says so."""

    def __init__(self, store: Store, ledger: Ledger, settings: Settings, places: Places) -> None:
        self._store = store
        self._ledger = ledger
        self._settings = settings
        self._places = places
        self._queue: asyncio.Queue[Notification] = asyncio.Queue()

    async def add(self, fired: list[Notification]) -> None:
        """Gather for alerts that fired together: for the first three, whose evidence is all's."""
        for position, one in enumerate(fired):
            if position >= _OF_ONE_INCIDENT:
                await self._without(one, same_as=fired[0].id)
            elif self._queue.qsize() >= _BACKLOG:
                await self._without(one, why="Evidence: too many alerts at once")
            else:
                self._queue.put_nowait(one)

    async def run(self, done: Callable[[], None]) -> None:
        """Gather until cancelled; first for what fired while nobody did.

        Args:
            done: called whenever evidence has been kept.
        """
        since = datetime.now(UTC) - _MADE_UP_FOR
        for missed in await asyncio.to_thread(self._ledger.without_evidence, since):
            one = await asyncio.to_thread(self._store.one, missed)
            if one is not None:
                await self.add([one])
        async with Backends(self._settings) as backends, asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._work(backends, done))

    async def _work(self, backends: Backends, done: Callable[[], None]) -> None:
        while True:
            one = await self._queue.get()
            evidence = await self._gathered(one, backends)
            await asyncio.to_thread(self._ledger.keep_evidence, one.id, evidence)
            done()

    async def _gathered(self, one: Notification, backends: Backends) -> Evidence:
        try:
            return await gather(one, backends.asking(), self._places)
        except Exception as error:  # one alert of an odd shape must not end all evidence
            return self._empty(one, f"Evidence: {type(error).__name__} while gathering")

    async def _without(
        self, one: Notification, *, why: str | None = None, same_as: int | None = None
    ) -> None:
        evidence = self._empty(one, why).model_copy(update={"same_as": same_as})
        await asyncio.to_thread(self._ledger.keep_evidence, one.id, evidence)

    def _empty(self, one: Notification, why: str | None) -> Evidence:
        return Evidence(
            gathered_at=datetime.now(UTC),
            ways=Ways(incident=self._places.incident(one.id)),
            missing=[why] if why else [],
        )
