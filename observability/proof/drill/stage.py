"""The running stack as acts see it, and what all acts have in common."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from observability.exits import UsageError
from observability.proof.drill.restoring import Journal
from observability.settings import Settings
from observability.stack import control

_CONTROL_SECONDS = 60.0


@asynccontextmanager
async def beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Within, this goes on; what it failed with is raised at the end, unless something else is."""
    task = asyncio.create_task(work)
    try:
        yield
    except BaseException:
        await _ended(task)
        raise
    if isinstance(failure := await _ended(task), Exception):
        raise failure


async def _ended(task: asyncio.Task[None]) -> BaseException | None:
    task.cancel()
    (came,) = await asyncio.gather(task, return_exceptions=True)
    return came


@asynccontextmanager
async def lasting(
    applied: AbstractAsyncContextManager[None], seconds: float | None
) -> AsyncIterator[None]:
    """What is applied lasts as long as the context, or only so many seconds of it."""
    async with applied if seconds is None else beside(_hold(applied, seconds)):
        yield


async def _hold(applied: AbstractAsyncContextManager[None], seconds: float) -> None:
    async with applied:
        await asyncio.sleep(seconds)


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

    def environment(self) -> dict[str, str]:
        """The environment in which a command speaks to this stack."""
        return dict(os.environ) | self.settings.variables()

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


class Deed(BaseModel):
    """What all acts have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def journeys(self) -> Iterable[str]:
        """Journeys that it makes."""
        return ()

    @property
    def restarts(self) -> bool:
        """Whether services begin or end by it: then failures are put down to that for a while."""
        return False

    @property
    def prepares(self) -> bool:
        """Whether it does no harm yet: what counts as the fault comes after."""
        return False
