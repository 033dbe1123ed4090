"""What the console looks after by itself: the alerting path, and the audit trails."""

from __future__ import annotations

import asyncio
import fcntl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from observability import gauge, get_logger
from observability.alerting.inbox import Inbox
from observability.alerting.watchdog import DeadMansSwitch
from observability.instrumentation.audit import read_journal
from observability.proof.audit import breaks

_AUDIT_EVERY_SECONDS = 5.0

BREAKS = gauge(
    "audit_chain_breaks",
    "Places at which an audit trail does not hold: missing, changed or reordered events.",
    ["chain"],
)
log = get_logger(__name__)


class AuditWatch:
    """Counts the breaks of the journals in a folder; a file is read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[Path, tuple[int, int]] = {}

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            began = time.monotonic()
            await asyncio.to_thread(self.look)
            # however long the trails are, they cost a twentieth of a processor at most
            taken = time.monotonic() - began
            await asyncio.sleep(max(_AUDIT_EVERY_SECONDS, 20 * taken))

    def look(self) -> None:
        """Check what has changed, once."""
        journals = {path: path.stat() for path in sorted(self._folder.glob("*.jsonl"))}
        for path in self._seen.keys() - journals.keys():
            # A trail that is gone as a whole is broken; one put away on purpose is silenced.
            BREAKS.labels(path.stem).set(1)
        for path, found in journals.items():
            version = (found.st_mtime_ns, found.st_size)
            if self._seen.get(path) != version:
                self._seen[path] = version
                BREAKS.labels(path.stem).set(_breaks(path))


def _breaks(path: Path) -> int:
    try:
        with path.open("rb") as writing:
            fcntl.flock(writing, fcntl.LOCK_SH)  # not while an event is being written
            return len(breaks(read_journal(path)))
    except (OSError, ValueError) as error:
        log.error("audit_trail_unreadable", chain=path.stem, reason=str(error))
        return 1


@asynccontextmanager
async def watching(inbox: Inbox, audit_folder: Path) -> AsyncIterator[None]:
    """Watch while entered."""
    tasks = [
        asyncio.create_task(DeadMansSwitch(inbox).run(), name="dead-mans-switch"),
        asyncio.create_task(AuditWatch(audit_folder).run(), name="audit-watch"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
