"""The running stack as the checks ask it."""

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from observability.boards import Backends, Span
from observability.proof.verify.files import Files
from observability.query import Jaeger, Loki, Prometheus, client
from observability.query.api import Api
from observability.settings import Settings

#: How far back something counts as fresh, in seconds.
FRESH = 600.0
#: How long a signal may take from where it is made to where it is asked for, in seconds.
SETTLING = 12.0
_PAUSE = 0.5
#: Seconds between two points of a graph.
_STEP = 5.0
_AT_ONCE = 6

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Live:
    """The backends, what is written down about them, and since when signals count as fresh."""

    settings: Settings
    files: Files
    prometheus: Prometheus
    loki: Loki
    jaeger: Jaeger
    inbox: Api
    since: float = field(default_factory=lambda: time.time() - FRESH)

    @property
    def backends(self) -> Backends:
        """Those that panels ask."""
        return Backends(self.prometheus, self.loki, self.jaeger)

    def span(self) -> Span:
        """The time that panels are asked for: what is fresh, with a point at its very end."""
        now = time.time()
        steps = math.ceil((now - self.since) / _STEP)
        return Span(now - steps * _STEP, now)

    def environment(self) -> dict[str, str]:
        """The environment in which a command speaks to this stack."""
        return dict(os.environ) | self.settings.variables()

    async def services(self) -> list[str]:
        """Services that Prometheus scrapes, by name."""
        samples = await self.prometheus.instant('count by (service_name) (up{job="services"})')
        return sorted(sample.labels["service_name"] for sample in samples)


@asynccontextmanager
async def connected(settings: Settings, files: Files) -> AsyncIterator[Live]:
    """Clients of the running stack, closed at the end."""
    async with AsyncExitStack() as stack:

        async def http(name: str) -> httpx.AsyncClient:
            return await stack.enter_async_context(client(settings.url(name), 20))

        yield Live(
            settings,
            files,
            Prometheus(await http("prometheus")),
            Loki(await http("loki")),
            Jaeger(await http("jaeger")),
            Api(await http("console"), "the console", "/api/inbox"),
        )


async def eventually(
    ask: Callable[[], Awaitable[Answer | None]], within: float = SETTLING
) -> Answer | None:
    """The first true answer, asked for again while signals are still on their way."""
    deadline = time.monotonic() + within
    while True:
        answer = await ask()
        if answer or time.monotonic() > deadline:
            return answer
        await asyncio.sleep(_PAUSE)


async def for_each(
    things: Iterable[Asked], ask: Callable[[Asked], Awaitable[Answer]]
) -> list[Answer]:
    """One answer for each, in order, a few asked at the same time."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(thing: Asked) -> Answer:
        async with gate:
            return await ask(thing)

    return list(await asyncio.gather(*(one(thing) for thing in things)))
