"""What a drill can do to the stack; each act undoes itself at the end of its context."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import psutil
from pydantic import BaseModel, ConfigDict, Field

from observability.exits import UsageError
from observability.faults import FlagFile, assignment
from observability.proof.drill.restoring import (
    FaultWas,
    FileWas,
    Journal,
    Ran,
    ReplicasWere,
    VersionWas,
)
from observability.settings import Settings
from observability.stack import control
from observability.stack.plan import parse_scale

_CONTROL_SECONDS = 60.0


class Sender(Protocol):
    """Makes requests of a journey, so many a second, within a context."""

    def __call__(self, journey: str, per_second: float) -> AbstractAsyncContextManager[None]:
        """Begin; the end of the context ends it."""


@dataclass(frozen=True)
class Stage:
    """The running stack as acts see it."""

    settings: Settings
    journal: Journal
    send: Sender

    async def ask(self, command: str, **arguments: Any) -> Any:
        """Ask the supervisor."""
        return await asyncio.to_thread(
            control.ask, self.settings, command, timeout=_CONTROL_SECONDS, **arguments
        )

    async def rows(self, name: str) -> list[dict[str, Any]]:
        """Status of the processes of a name, or of one instance.

        Raises:
            UsageError: none runs.
        """
        everything = await self.ask("status")
        found = [row for row in everything if name in {row["name"], row["instance"]}]
        if not found:
            raise UsageError(f"{name} does not run in this stack")
        return found


class _Act(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def journeys(self) -> Iterable[str]:
        """Journeys that it makes."""
        return ()


class SetFault(_Act):
    """Set a fault flag: `checkout.error_rate=0.5`."""

    fault: Annotated[str, Field(pattern=r"^[\w.]+=\S+$")]

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Set it; then give it the value that it had."""
        name, value = assignment(self.fault)
        file = FlagFile(stage.settings.flags_file)
        before = {one.name: one for one in file.faults()}.get(name)
        was = str(before.value).lower() if before else "0"
        async with stage.journal.restoring(FaultWas(fault=name, value=was)):
            await asyncio.to_thread(file.set, {name: value})
            yield


class Freeze(_Act):
    """Stop processes in their tracks, as a machine that hangs; they keep their connections."""

    freeze: str

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Freeze them; then let them go on."""
        async with contextlib.AsyncExitStack() as undo:
            for row in await stage.rows(self.freeze):
                for process in _with_children(row["pid"]):
                    entry = Ran(pid=process.pid, created=process.create_time())
                    await undo.enter_async_context(stage.journal.restoring(entry))
                    process.suspend()
            yield


class Kill(_Act):
    """Kill processes again and again, as one that crashes on each start."""

    kill: str
    every: Annotated[float, Field(gt=0)] = 1.0

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Kill them as long as it lasts; the supervisor starts them each time."""
        await stage.rows(self.kill)
        killing = asyncio.create_task(self._go_on(stage))
        try:
            yield
        finally:
            killing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await killing

    async def _go_on(self, stage: Stage) -> None:
        while True:
            for row in await stage.rows(self.kill):
                if row["pid"]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(row["pid"], signal.SIGKILL)
            await asyncio.sleep(self.every)


class Scale(_Act):
    """Run so many replicas: `worker=0`."""

    scale: str

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Scale; then back to as many as there were."""
        ((name, replicas),) = parse_scale([self.scale]).items()
        have = len(await stage.rows(name))
        async with stage.journal.restoring(ReplicasWere(service=name, replicas=have)):
            await stage.ask("scale", name=name, replicas=replicas)
            yield


class Restart(_Act):
    """Restart a service, or one replica of it, as another version."""

    restart: str
    version: str

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Restart it; then again as the version that it was."""
        was = (await stage.rows(self.restart))[0]["version"]
        async with stage.journal.restoring(VersionWas(service=self.restart, version=was)):
            await stage.ask("restart", name=self.restart, version=self.version)
            yield


class Send(_Act):
    """Requests that are themselves the fault: `send` a journey, so many a second."""

    send: str
    per_second: Annotated[float, Field(gt=0)] = 1.0

    @property
    def journeys(self) -> Iterable[str]:
        """The one that it makes."""
        return (self.send,)

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Send them; then no longer."""
        async with stage.send(self.send, self.per_second):
            yield


class Wait(_Act):
    """Give what was done before some seconds to come into effect."""

    wait: Annotated[float, Field(gt=0)]

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Wait; there is nothing to undo."""
        await asyncio.sleep(self.wait)
        yield


class Write(_Act):
    """Write a file of the state folder, such as a rule that cannot be evaluated."""

    write: Annotated[str, Field(pattern=r"^[\w./-]+$")]
    content: str

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Write it; then as it was before, or gone."""
        path = stage.settings.state_dir / self.write
        was = path.read_text(encoding="utf-8") if path.exists() else None
        async with stage.journal.restoring(FileWas(path=str(path), content=was)):
            path.write_text(self.content, encoding="utf-8")
            yield


Act = SetFault | Freeze | Kill | Scale | Restart | Send | Wait | Write


def _with_children(pid: int | None) -> Iterator[psutil.Process]:
    """A process and all that it has started; nothing if it does not run."""
    if pid is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        yield parent
        yield from parent.children(recursive=True)
