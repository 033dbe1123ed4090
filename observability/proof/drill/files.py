"""Acts on files of the state folder: to write, block or lock them."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from pydantic import Field

from observability.exits import UsageError
from observability.proof.drill.restoring import Blocked, FileWas
from observability.proof.drill.stage import Deed, Stage, beside

_BUSY_SECONDS = 20.0
FilePath = Annotated[str, Field(pattern=r"^\w[\w./-]*$")]


class Write(Deed):
    """Write a file of the state folder."""

    write: FilePath
    content: str

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Write it; then as it was before, or gone."""
        path = stage.settings.state_dir / self.write
        was = path.read_text(encoding="utf-8") if path.exists() else None
        async with stage.journal.restoring(FileWas(path=str(path), content=was)):
            path.write_text(self.content, encoding="utf-8")
            yield


class Block(Deed):
    """Put a folder in the place of a file, so that nobody can write to it."""

    block: FilePath

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Block it; then put the file back."""
        path = stage.settings.state_dir / self.block
        if not path.is_file():
            raise UsageError(f"there is no file {path} to be blocked")
        entry = Blocked(path=str(path))
        async with stage.journal.restoring(entry):
            path.rename(entry.aside)
            path.mkdir()
            yield


class Lock(Deed):
    """Hold the write lock of a SQLite database, as a backup or a statement without an end does.

    Attributes:
        lock: the file.
        hold: seconds for which it is held each time.
        free: seconds for which it is free between.
    """

    lock: FilePath
    hold: Annotated[float, Field(gt=0)] = 60.0
    free: Annotated[float, Field(ge=0)] = 0.0

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Hold it as long as it lasts; whoever waits goes on then."""
        path = stage.settings.state_dir / self.lock
        if not path.is_file():
            raise UsageError(f"there is no database {path} to be locked")
        async with beside(self._go_on(path)):
            yield

    async def _go_on(self, path: Path) -> None:
        with contextlib.closing(
            sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        ) as database:
            while True:
                await asyncio.to_thread(database.execute, "BEGIN IMMEDIATE")
                await asyncio.sleep(self.hold)
                database.execute("ROLLBACK")
                await asyncio.sleep(self.free)
