"""Gathers evidence in the background: a notification never waits for it to be kept."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from observability.alerting.evidence.asking import Backends
from observability.alerting.evidence.gather import gather
from observability.alerting.evidence.model import Evidence
from observability.alerting.evidence.subject import stated
from observability.alerting.evidence.ways import Places
from observability.alerting.ledger import Ledger
from observability.alerting.notifications import Notification, Store
from observability.forever import forever
from observability.settings import Settings

_AT_ONCE = 2
_OF_ONE_INCIDENT = 3
_BACKLOG = 20
_MADE_UP_FOR = timedelta(minutes=15)


@dataclass(frozen=True)
class _Job:
    """Evidence to gather: `followers` share it; `same_as` is whose this one shares.

    `late`: so many wait before it that nobody is asked for it.
    """

    one: Notification
    followers: tuple[Notification, ...] = ()
    same_as: int | None = None
    late: bool = False


class Gatherer:
    """Two at once, in the order in which they fired; a flood is cut off and says so."""

    def __init__(self, store: Store, ledger: Ledger, settings: Settings, places: Places) -> None:
        self._store = store
        self._ledger = ledger
        self._settings = settings
        self._places = places
        self._queue: asyncio.Queue[_Job] = asyncio.Queue()
        self._made_up = False

    def add(self, fired: list[Notification]) -> None:
        """Gather for alerts that fired together: all of it for three, whose share the others."""
        for position, one in enumerate(fired[:_OF_ONE_INCIDENT]):
            followers = () if position else tuple(fired[_OF_ONE_INCIDENT:])
            self._put(_Job(one, followers))

    async def run(self, done: Callable[[], None]) -> None:
        """Gather until cancelled; first for what fired while nobody did.

        Args:
            done: called whenever evidence has been kept.
        """
        async with Backends(self._settings) as backends, asyncio.TaskGroup() as group:
            group.create_task(
                forever("evidence-missed", self._add_missed, until=lambda: self._made_up)
            )
            for _ in range(_AT_ONCE):
                group.create_task(forever("evidence", partial(self._work, backends, done)))

    async def _add_missed(self) -> None:
        since = datetime.now(UTC) - _MADE_UP_FOR
        for missed in await asyncio.to_thread(self._ledger.without_evidence, since):
            one = await asyncio.to_thread(self._store.one, missed)
            if one is not None:
                self.add([one])
        self._made_up = True

    async def _work(self, backends: Backends, done: Callable[[], None]) -> None:
        job = await self._queue.get()
        evidence = await self._gathered(job, backends)
        try:
            await asyncio.to_thread(self._ledger.keep_evidence, job.one.id, evidence)
        except sqlite3.Error:
            self._queue.put_nowait(job)
            raise
        for follower in job.followers:
            self._put(_Job(follower, same_as=job.one.id))
        done()

    def _put(self, job: _Job) -> None:
        late = self._queue.qsize() >= _BACKLOG
        self._queue.put_nowait(replace(job, late=late))

    async def _gathered(self, job: _Job, backends: Backends) -> Evidence:
        if job.late:
            return self._empty(job, "Evidence: too many alerts at once")
        try:
            return await gather(job.one, backends.asking(), self._places, same_as=job.same_as)
        except Exception as error:  # one alert of an odd shape must not end all evidence
            return self._empty(job, f"Evidence: {type(error).__name__} while gathering")

    def _empty(self, job: _Job, why: str) -> Evidence:
        """The links alone, which need nobody's answer."""
        return Evidence(
            gathered_at=datetime.now(UTC),
            ways=self._places.ways(job.one, stated(job.one)),
            missing=[why],
            same_as=job.same_as,
        )
