"""Fresh signals to look at: the shop's own load command, and a request to who has had none."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from importlib import metadata
from urllib.parse import urlsplit

import httpx

from observability.proof.verify.live import Live, for_each

_LOAD = "load"
_USERS = 5
#: A counter's first value is no increase: what comes about in the first round counts in the second.
_FIRST_ROUND = 8
_SECOND_ROUND = 120
#: Until orders of the second round are placed, shipped and scraped.
_UNDER_WAY = 16.0
_SCRAPED_AFTER = 6.0
_KNOCKS = 3
_STOP_SECONDS = 20.0
_ASKED = (
    '{__name__=~"(http_server_request|messaging_process)_duration_seconds_count",job="services"}'
)


@contextlib.asynccontextmanager
async def made(live: Live) -> AsyncIterator[bool]:
    """Traffic while the block runs; answers whether there is any besides what goes on anyway.

    A round is over before the block begins, so that every signal of it has arrived.
    """
    if _LOAD not in {point.name for point in metadata.entry_points(group="belfry.commands")}:
        await _knock_at_idle(live)
        await asyncio.sleep(_SCRAPED_AFTER)
        yield False
        return
    first = await _load(live, _FIRST_ROUND)
    await first.wait()
    await asyncio.sleep(_SCRAPED_AFTER)
    await _knock_at_idle(live)
    second = await _load(live, _SECOND_ROUND)
    try:
        await asyncio.sleep(_UNDER_WAY)
        yield True
    finally:
        await _stop(second)


async def knock(url: str) -> int:
    """Ask for the front page of a service, whatever it answers.

    Returns:
        How often it answered.
    """
    answers = 0
    async with httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as http:
        for _ in range(_KNOCKS):
            with contextlib.suppress(httpx.HTTPError):  # who is down is found by the checks
                await http.get("/")
                answers += 1
    return answers


async def _knock_at_idle(live: Live) -> None:
    """Ask something of every service that nobody has asked anything of lately."""
    samples = await live.prometheus.instant(f"sum by (service_name) (increase({_ASKED}[1m])) > 0")
    busy = [sample.labels["service_name"] for sample in samples]
    targets = [one for one in await live.prometheus.targets() if one.labels["job"] == "services"]
    idle = [_base(one.url) for one in targets if one.labels["service_name"] not in busy]
    await for_each(idle, knock)


def _base(scraped: str) -> str:
    parts = urlsplit(scraped)
    return f"{parts.scheme}://{parts.netloc}"


async def _load(live: Live, seconds: int) -> asyncio.subprocess.Process:
    """`belfry load` in a process of its own: Locust changes how sockets work in its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "observability.cli", _LOAD),
        *(f"--users={_USERS}", f"--duration={seconds}"),
        env=live.environment(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
