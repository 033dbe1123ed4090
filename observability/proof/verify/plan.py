"""Which checks run, in which order."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

from observability.exits import UsageError
from observability.proof.verify import (
    budget,
    contract,
    edges,
    grafana,
    heartbeat,
    hops,
    panels,
    service,
    shapes,
    traffic,
    ways,
)
from observability.proof.verify.files import Files
from observability.proof.verify.finding import Finding, misses
from observability.proof.verify.live import Live, connected
from observability.query import BackendError
from observability.settings import Settings

Check = Callable[[Live], Awaitable[list[Finding]]]
#: On a busy machine orders are shipped, and what tells of it arrives, so many seconds later.
_ON_THEIR_WAY = 20.0

CHECKS: dict[str, Check] = {
    "contract": contract.check,
    "panels": panels.check,
    "hops": hops.check,
    "edges": edges.check,
    "heartbeat": heartbeat.check,
    "ways": ways.check,
    "shapes": shapes.check,
    "budget": budget.check,
}


async def whole(settings: Settings, files: Files, *, own_traffic: bool) -> list[Finding]:
    """Findings of the whole stack, Grafana included where it is known.

    Args:
        settings: of the stack.
        files: what is written down about it.
        own_traffic: make some first, and while looking.

    Raises:
        UsageError: The stack does not run.
    """
    async with connected(settings, files) as live:
        await _require(live)
        findings = await (_under_traffic(live) if own_traffic else _all(live))
        if url := settings.grafana_url:
            findings += await _checked("grafana", lambda: grafana.check(live, url))
        return findings


async def one_service(
    settings: Settings, files: Files, name: str, url: str | None
) -> list[Finding]:
    """Findings of a single service, the user's own.

    Raises:
        UsageError: The stack does not run, or nobody knows where the service is.
    """
    async with connected(settings, files) as live:
        await _require(live)
        return await service.check(replace(live, since=time.time()), name, url)


async def _under_traffic(live: Live) -> list[Finding]:
    """What was there before one's own traffic does not count: it may be from before a break."""
    fresh = replace(live, since=time.time())
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(traffic.made(fresh))
        except BackendError as error:
            return [Finding("traffic", "could not be made", False, str(error))]
        return await _all(fresh, _ON_THEIR_WAY)


async def _all(live: Live, patience: float = 0.0) -> list[Finding]:
    """Findings of all checks; with patience, what misses something looks once more after it."""
    found = {name: await _checked(name, partial(check, live)) for name, check in CHECKS.items()}
    wanting = [name for name, findings in found.items() if misses(findings)]
    if wanting and patience:
        await asyncio.sleep(patience)
        found |= {name: await _checked(name, partial(CHECKS[name], live)) for name in wanting}
    return [finding for findings in found.values() for finding in findings]


async def _checked(name: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    """What a check finds, or that a backend keeps it from looking."""
    try:
        return await check()
    except BackendError as error:
        return [Finding(name, "could not be looked at", False, str(error))]


async def _require(live: Live) -> None:
    """All backends answer: if one does not, every check would say the same."""
    try:
        await live.prometheus.instant("vector(1)")
    except BackendError as error:
        raise UsageError(f"{error}: is the stack up (`belfry up`)?") from None
