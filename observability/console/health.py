"""How the stack's processes stand: by their supervisor, or without one by Prometheus' scrapes."""

import asyncio
from dataclasses import dataclass

from observability.console.context import Context
from observability.exits import UsageError
from observability.stack.control import NotRunningError, ask

_TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True)
class Standing:
    """One process; `memory_bytes` is 0 and `version` empty where they are not known."""

    name: str
    state: str
    reason: str
    memory_bytes: int
    version: str


async def processes(context: Context) -> list[Standing]:
    """All processes, those that are not ready first.

    Raises:
        BackendError: there is no supervisor, and Prometheus does not answer either.
    """
    found = await context.kept("processes", lambda: _processes(context))
    return sorted(found, key=lambda one: (one.state == "ready", one.name))


async def _processes(context: Context) -> list[Standing]:
    try:
        told = await asyncio.to_thread(ask, context.settings, "status", timeout=_TIMEOUT_SECONDS)
    except (NotRunningError, UsageError):
        return await _scraped(context)
    return [
        Standing(
            name=one["instance"],
            state=one["state"],
            reason=one["reason"],
            memory_bytes=one["memory_bytes"],
            version=one["version"],
        )
        for one in told
    ]


async def _scraped(context: Context) -> list[Standing]:
    up = await context.prometheus.instant("up")
    return [
        Standing(
            name=one.labels.get("instance", "?"),
            state="ready" if one.value else "down",
            reason="" if one.value else "Prometheus cannot scrape it",
            memory_bytes=0,
            version="",
        )
        for one in up
    ]
