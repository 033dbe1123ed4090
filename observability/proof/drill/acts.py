"""What a drill can do to the stack; each act undoes itself at the end of its context."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Annotated

from pydantic import Field

from observability.exits import UsageError
from observability.faults import FlagFile, assignment
from observability.proof.drill.files import Block, Lock, Write
from observability.proof.drill.processes import Freeze, Kill, Restart, Scale
from observability.proof.drill.restoring import FaultWas
from observability.proof.drill.stage import Deed, Stage, lasting


class SetFault(Deed):
    """Set a fault flag: `checkout.error_rate=0.5`.

    Attributes:
        fault: its name and value.
        seconds: for how long; as long as the drill lasts if it is not given.
    """

    fault: Annotated[str, Field(pattern=r"^[\w.]+=\S+$")]
    seconds: Annotated[float, Field(gt=0)] | None = None

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Set it; then give it the value that it had."""
        async with lasting(self._set(stage), self.seconds):
            yield

    @asynccontextmanager
    async def _set(self, stage: Stage) -> AsyncIterator[None]:
        name, value = assignment(self.fault)
        file = FlagFile(stage.settings.flags_file)
        before = {one.name: one for one in file.faults()}.get(name)
        was = str(before.value).lower() if before else "0"
        async with stage.journal.restoring(FaultWas(fault=name, value=was)):
            await asyncio.to_thread(file.set, {name: value})
            yield


class Send(Deed):
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


class Wait(Deed):
    """Give what was done before some seconds to come into effect."""

    wait: Annotated[float, Field(gt=0)]

    @property
    def prepares(self) -> bool:
        """It does."""
        return True

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Wait; there is nothing to undo."""
        await asyncio.sleep(self.wait)
        yield


class Afterwards(Deed):
    """A command of belfry that puts right what was done by the other acts, once they are undone."""

    afterwards: str

    @property
    def prepares(self) -> bool:
        """It does nothing yet."""
        return True

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Run the command at the end."""
        yield
        command = [sys.executable, "-m", "observability.cli", *self.afterwards.split()]
        process = await asyncio.create_subprocess_exec(
            *command,
            env=stage.environment(),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        if process.returncode:
            raise UsageError(f"belfry {self.afterwards}: {said.decode().strip()}")


Act = SetFault | Freeze | Kill | Scale | Restart | Send | Write | Block | Lock | Wait | Afterwards
