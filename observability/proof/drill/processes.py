"""Acts on processes: to freeze, kill, scale or restart them."""

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

import psutil
from pydantic import Field

from observability.proof.drill.restoring import Ran, ReplicasWere, Restarted
from observability.proof.drill.stage import Deed, Stage, beside, lasting
from observability.stack.plan import parse_scale, split_names

_POLL_SECONDS = 1.0


class Freeze(Deed):
    """Stop processes in their tracks, as a machine that hangs; their connections stay open.

    Attributes:
        freeze: names or instances, separated by commas.
        seconds: for how long; as long as the drill lasts if it is not given.
    """

    freeze: str
    seconds: Annotated[float, Field(gt=0)] | None = None

    @property
    def restarts(self) -> bool:
        """A service that does not answer is one that is gone."""
        return True

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Freeze them; then let them go on."""
        async with lasting(self._frozen(stage), self.seconds):
            yield

    @asynccontextmanager
    async def _frozen(self, stage: Stage) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as undo:
            rows = [row for name in split_names([self.freeze]) for row in await stage.rows(name)]
            for process in [one for row in rows for one in _with_children(row["pid"])]:
                entry = Ran(pid=process.pid, created=process.create_time())
                await undo.enter_async_context(stage.journal.restoring(entry))
                process.suspend()
            yield


class Kill(Deed):
    """Kill a process again and again, as one that crashes soon after each start.

    Attributes:
        kill: name or instance.
        after: seconds that it may run each time.
    """

    kill: str
    after: Annotated[float, Field(gt=0)] = 1.0

    @property
    def restarts(self) -> bool:
        """It does."""
        return True

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Kill it as long as it lasts; the supervisor starts it each time."""
        await stage.rows(self.kill)
        async with beside(self._go_on(stage)):
            yield

    async def _go_on(self, stage: Stage) -> None:
        ready_since: dict[int, float] = {}
        while True:
            for row in await stage.rows(self.kill):
                if row["state"] != "ready" or not row["pid"]:
                    continue
                since = ready_since.setdefault(row["pid"], time.monotonic())
                if time.monotonic() - since >= self.after:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(row["pid"], signal.SIGKILL)
            await asyncio.sleep(_POLL_SECONDS)


class Scale(Deed):
    """Run so many replicas: `worker=0`."""

    scale: str

    @property
    def restarts(self) -> bool:
        """It does."""
        return True

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Scale; then back to as many as there were."""
        ((name, replicas),) = parse_scale([self.scale]).items()
        have = len(await stage.rows(name))
        async with stage.journal.restoring(ReplicasWere(service=name, replicas=have)):
            await stage.ask("scale", name=name, replicas=replicas)
            yield


class Restart(Deed):
    """Restart a process, perhaps as another version or told something else.

    Attributes:
        restart: name or instance.
        version: what a service reports from then on; `{random}` is another each time.
        set: variables of its environment, in place of what is configured.
    """

    restart: str
    version: str | None = None
    set: Mapping[str, str] = {}

    @property
    def restarts(self) -> bool:
        """It does."""
        return True

    @asynccontextmanager
    async def applied(self, stage: Stage) -> AsyncIterator[None]:
        """Restart it; if that changed what it is, then again as it was."""
        if self.version is None and not self.set:
            await stage.ask("restart", name=self.restart)
            yield
            return
        version = was = None
        if self.version is not None:
            was = (await stage.rows(self.restart))[0]["version"]
            version = self.version.replace("{random}", secrets.token_hex(3))
        async with stage.journal.restoring(Restarted(process=self.restart, version=was)):
            variables = dict(self.set)
            await stage.ask("restart", name=self.restart, version=version, variables=variables)
            yield


def _with_children(pid: int | None) -> Iterator[psutil.Process]:
    """A process and all that it has started; nothing if it does not run."""
    if pid is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        yield parent
        yield from parent.children(recursive=True)
