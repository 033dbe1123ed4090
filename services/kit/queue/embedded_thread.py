"""The thread that owns the embedded queue's file.

All access to SQLite happens here, so the event loop never waits for a disk or a lock. Writes that
arrive while another is being committed share the next commit: many small acknowledgements and
publications cost one flush to disk. Between jobs the thread looks for other processes' commits.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from services.kit.queue.embedded_store import Store

T = TypeVar("T")

MAX_BATCH = 128
POLL_BUSY = 0.01
"""Seconds between looks at the file while something has changed within `BUSY_FOR`."""
POLL_IDLE = 0.05
BUSY_FOR = 1.0


@dataclass(slots=True)
class _Job:
    work: Callable[[Store], Any]
    writes: bool
    future: asyncio.Future[Any]


class StoreThread:
    """Runs functions over the store, one after the other, away from the event loop."""

    def __init__(self, store: Store, on_foreign_commit: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._on_foreign_commit = on_foreign_commit
        self._store = store
        self._watching = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="embedded-queue", daemon=True)
        self._thread.start()

    def watch(self) -> None:
        """From now on look for other processes' commits too."""
        self._watching = True

    async def read(self, work: Callable[[Store], T]) -> T:
        """Run a function that only reads."""
        return await self._submit(work, writes=False)

    async def write(self, work: Callable[[Store], T]) -> T:
        """Run a function in a transaction; returns when it is durable."""
        return await self._submit(work, writes=True)

    async def _submit(self, work: Callable[[Store], T], *, writes: bool) -> T:
        if self._closed:
            raise RuntimeError("the queue is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, writes, future))
        # Shielded: a cancelled caller must not make the thread's answer fail.
        return await asyncio.shield(future)

    async def close(self) -> None:
        """Finish the jobs already submitted and close the file."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)

    # -- in the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        version, changed_at = self._store.data_version(), 0.0
        while True:
            busy = time.monotonic() - changed_at < BUSY_FOR
            batch, closing = self._next_batch(POLL_BUSY if busy else POLL_IDLE)
            if batch:
                self._work(batch)
            if closing:
                self._store.close()
                return
            if self._watching and (seen := self._store.data_version()) != version:
                version, changed_at = seen, time.monotonic()
                self._notify(self._on_foreign_commit)

    def _next_batch(self, poll: float) -> tuple[list[_Job], bool]:
        batch: list[_Job] = []
        try:
            job = self._jobs.get(timeout=poll if self._watching else None)
            while job is not None:
                batch.append(job)
                if len(batch) >= MAX_BATCH:
                    return batch, False
                job = self._jobs.get_nowait()
        except queue.Empty:
            return batch, False
        return batch, True

    def _work(self, batch: list[_Job]) -> None:
        writes = [job for job in batch if job.writes]
        for job in batch:
            if not job.writes:
                self._attempt([job])
        if writes and not self._attempt(writes, alone=len(writes) == 1):
            # One of them failed and took the others with it: each for itself.
            for job in writes:
                self._attempt([job])

    def _attempt(self, jobs: list[_Job], *, alone: bool = True) -> bool:
        """Run the jobs in one transaction; tell their callers unless others must be retried."""
        writing = jobs[0].writes
        try:
            if writing:
                self._store.connection.execute("BEGIN IMMEDIATE")
            answers = [job.work(self._store) for job in jobs]
            if writing:
                self._store.connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            if alone:
                self._notify(_fail, jobs[0].future, error)
            return alone
        for job, answer in zip(jobs, answers, strict=True):
            self._notify(_resolve, job.future, answer)
        return True

    def _roll_back(self) -> None:
        try:
            if self._store.connection.in_transaction:
                self._store.connection.execute("ROLLBACK")
        except sqlite3.Error:
            # SQLite has rolled back by itself (disk full, I/O error): nothing is left to undo.
            return

    def _notify(self, callback: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            # The loop was closed without closing the queue: there is nobody left to tell.
            return


def _resolve(future: asyncio.Future[Any], answer: Any) -> None:
    if not future.done():
        future.set_result(answer)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
