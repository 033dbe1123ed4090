"""What the console looks after by itself: the alerting path, the audit trails, deploys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from observability import gauge, get_logger
from observability.alerting.inbox import Inbox
from observability.alerting.watchdog import DeadMansSwitch, prometheus_at
from observability.forever import forever
from observability.proof.trails import Trail
from observability.settings import Settings
from observability.stack import deploys

_AUDIT_EVERY_SECONDS = 5.0

BREAKS = gauge(
    "audit_chain_breaks",
    "Places at which an audit trail does not hold: missing, changed or reordered events.",
    ["chain"],
)
log = get_logger(__name__)


class AuditWatch:
    """Counts the breaks of the journals in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trails: dict[Path, Trail] = {}
        self._told: dict[str, int] = {}

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        await forever("audit-watch", self._look_and_rest)

    def look(self) -> None:
        """Check what has changed, once."""
        journals = set(self._folder.glob("*.jsonl"))
        for path in self._trails.keys() - journals:
            self._gone(path)
        for path in sorted(journals):
            self._check(path)

    async def _look_and_rest(self) -> None:
        began = time.monotonic()
        await asyncio.to_thread(self.look)
        # however long the trails are, they cost a twentieth of a processor at most
        taken = time.monotonic() - began
        await asyncio.sleep(max(_AUDIT_EVERY_SECONDS, 20 * taken))

    def _gone(self, path: Path) -> None:
        """A whole trail that is gone is broken; a broken one was put away by who looked at it."""
        if self._trails[path].whole:
            self._tell(path.stem, 1)
        else:
            BREAKS.remove(path.stem)
            self._told.pop(path.stem, None)
            del self._trails[path]

    def _check(self, path: Path) -> None:
        trail = self._trails.setdefault(path, Trail(path))
        try:
            found = trail.look()
        except FileNotFoundError:  # put away just now: the next look says so
            return
        except OSError as error:
            log.error("audit_trail_unreadable", chain=path.stem, reason=str(error))
            found = 1
        self._tell(path.stem, found)

    def _tell(self, chain: str, breaks: int) -> None:
        if breaks > self._told.get(chain, 0):
            log.warning("audit_chain_broken", chain=chain, breaks=breaks)
        self._told[chain] = breaks
        BREAKS.labels(chain).set(breaks)


@asynccontextmanager
async def watching(inbox: Inbox, settings: Settings) -> AsyncIterator[None]:
    """Watch while entered."""
    switch = DeadMansSwitch(inbox, prometheus_at(settings.url("prometheus")))
    audit = AuditWatch(settings.audit_dir)
    watches = (switch.run(), audit.run(), deploys.watch(settings))
    tasks = [asyncio.create_task(one) for one in watches]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
