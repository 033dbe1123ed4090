"""Faults in a running service: live, bounded, and never where one looks at the service."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from observability.faults import FlagFile
from services.kit.faults import COMMON, Faults
from tests.support.services import make, serving
from tests.support.waiting import eventually_async

LIVE_WITHIN_SECONDS = 1.0
UNTOUCHED = ("/livez", "/readyz", "/metrics")


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A running catalog; its flag file is made from the template at start."""
    async with serving(make("catalog", tmp_path)) as client:
        yield client


@pytest.fixture
def flags(tmp_path: Path) -> FlagFile:
    """What `belfry fault` works with."""
    return FlagFile(tmp_path / "flags.json")


async def test_an_error_rate_is_honoured_live_and_ends_when_it_is_cleared(
    catalog: httpx.AsyncClient, flags: FlagFile, capsys: pytest.CaptureFixture[str]
) -> None:
    """Within a second, without a restart; a problem document says that it was injected."""
    assert (await catalog.get("/categories")).status_code == 200
    flags.set({"catalog.error_rate": "1", "cart.error_rate": "1"})
    await asyncio.sleep(LIVE_WITHIN_SECONDS)
    answer = await catalog.get("/categories")
    assert answer.status_code == 500
    assert answer.json()["title"] == "Injected fault"
    assert len(answer.json()["trace_id"]) == 32
    assert '"event":"fault_injected"' in capsys.readouterr().out
    for path in UNTOUCHED:
        assert (await catalog.get(path)).status_code == 200
    flags.clear([])
    await asyncio.sleep(LIVE_WITHIN_SECONDS)
    assert (await catalog.get("/categories")).status_code == 200


async def test_what_is_honoured_now_is_measured(
    catalog: httpx.AsyncClient, flags: FlagFile
) -> None:
    """Each fault of the service, 0 while it is off, so that a change of it can be seen."""

    async def shown() -> dict[str, float]:
        page = (await catalog.get("/metrics")).text
        found = re.findall(r'^service_fault_value\{fault="(\w+)"\} (\S+)$', page, re.MULTILINE)
        return {name: float(value) for name, value in found}

    assert await shown() == dict.fromkeys(COMMON, 0.0)
    flags.set({"catalog.latency_ms": "40", "cart.error_rate": "1"})
    await asyncio.sleep(LIVE_WITHIN_SECONDS)
    assert await shown() == dict.fromkeys(COMMON, 0.0) | {"latency_ms": 40.0}
    flags.clear([])
    await asyncio.sleep(LIVE_WITHIN_SECONDS)
    assert await shown() == dict.fromkeys(COMMON, 0.0)


async def test_an_injected_error_counts_at_the_route_it_was_asked_of(
    catalog: httpx.AsyncClient, flags: FlagFile, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its template; an address that does not exist is no better or worse than before."""
    flags.set({"catalog.error_rate": "1"})
    await asyncio.sleep(LIVE_WITHIN_SECONDS)
    capsys.readouterr()
    assert (await catalog.get("/products/kite")).status_code == 500
    assert (await catalog.get("/nowhere")).status_code == 404
    written = capsys.readouterr().out
    assert written.count('"event":"fault_injected"') == 1
    assert "request_failed" not in written
    metrics = (await catalog.get("/metrics")).text
    labels = 'http_request_method="GET",http_response_status_code="500",http_route='
    name = "http_server_request_duration_seconds_count"
    assert f'{name}{{{labels}"/products/{{product_id}}"}} 1.0' in metrics
    assert f'{labels}"unmatched"' not in metrics


async def test_an_error_rate_strikes_as_often_as_it_says(
    catalog: httpx.AsyncClient, flags: FlagFile
) -> None:
    """Half of 200 requests, give or take."""
    flags.set({"catalog.error_rate": "0.5"})
    await asyncio.sleep(LIVE_WITHIN_SECONDS)
    statuses = [(await catalog.get("/categories")).status_code for _ in range(200)]
    assert 60 < statuses.count(500) < 140


async def test_latency_delays_requests_but_not_those_that_look_after_the_service(
    catalog: httpx.AsyncClient, flags: FlagFile
) -> None:
    """Requests wait side by side: the event loop is free meanwhile."""
    flags.set({"catalog.latency_ms": "400"})
    await asyncio.sleep(LIVE_WITHIN_SECONDS)
    start = time.perf_counter()
    await asyncio.gather(*(catalog.get("/categories") for _ in range(10)))
    assert 0.4 <= time.perf_counter() - start < 1.5
    start = time.perf_counter()
    for path in UNTOUCHED:
        await catalog.get(path)
    assert time.perf_counter() - start < 0.4


async def test_memory_grows_and_is_given_back(catalog: httpx.AsyncClient, flags: FlagFile) -> None:
    """Real pages, not promises."""
    process = psutil.Process(os.getpid())
    before = process.memory_info().rss
    flags.set({"catalog.memory_mb_per_s": "100"})
    await eventually_async(lambda: process.memory_info().rss > before + 60e6)
    grown = process.memory_info().rss
    flags.clear([])
    await eventually_async(lambda: process.memory_info().rss < grown - 40e6)


async def test_the_event_loop_is_blocked_now_and_then(
    catalog: httpx.AsyncClient, flags: FlagFile
) -> None:
    """Nothing else runs meanwhile."""
    flags.set({"catalog.loop_block_ms": "300"})
    longest = 0.0
    deadline = time.monotonic() + 4
    while longest < 0.25 and time.monotonic() < deadline:
        start = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - start)
    assert longest >= 0.25


async def test_log_noise_is_written_as_fast_as_it_says(
    catalog: httpx.AsyncClient, flags: FlagFile, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines of a constant event, some 200 a second."""
    flags.set({"catalog.log_noise_per_s": "200"})
    await asyncio.sleep(LIVE_WITHIN_SECONDS)
    capsys.readouterr()
    await asyncio.sleep(1)
    lines = capsys.readouterr().out.count('"event":"log_noise"')
    assert 100 <= lines <= 300


async def test_a_flag_file_that_cannot_be_read_changes_nothing_until_it_is_repaired(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said once, not at every look; what was set stays set."""
    path = tmp_path / "flags.json"
    faults = Faults("cart", path)
    faults.start()
    try:
        FlagFile(path).set({"cart.latency_ms": "70"})
        await eventually_async(lambda: faults.value("latency_ms") == 70)
        good = path.read_text()
        path.write_text("{ broken")
        await asyncio.sleep(1)
        assert faults.value("latency_ms") == 70
        assert capsys.readouterr().out.count('"event":"flags_unreadable"') == 1
        path.write_text(good.replace("70", "80"))
        await eventually_async(lambda: faults.value("latency_ms") == 80)
    finally:
        faults.stop()


async def test_a_switch_and_a_rate_are_read_as_such(tmp_path: Path) -> None:
    """What the worker and the checkout ask for."""
    path = tmp_path / "flags.json"
    worker, checkout = Faults("worker", path), Faults("checkout", path)
    for one in (worker, checkout):
        one.start()
    try:
        assert not worker.enabled("stall")
        assert not checkout.happens("payment_decline_rate")
        FlagFile(path).set({"worker.stall": "true", "checkout.payment_decline_rate": "1"})
        await eventually_async(lambda: worker.enabled("stall"))
        await eventually_async(lambda: checkout.happens("payment_decline_rate"))
    finally:
        for one in (worker, checkout):
            one.stop()


async def test_no_place_for_a_flag_file_means_no_faults_and_no_failure(tmp_path: Path) -> None:
    """A service without a writable folder starts all the same."""
    (tmp_path / "file").write_text("")
    faults = Faults("cart", tmp_path / "file" / "flags.json")
    faults.start()
    assert not faults.any_set
    faults.stop()


async def test_a_look_at_the_faults_costs_next_to_nothing(tmp_path: Path) -> None:
    """A request pays a dict look-up, not an evaluation (some 12 µs)."""
    faults = Faults("cart", tmp_path / "flags.json")
    faults.start()
    start = time.perf_counter()
    for _ in range(100_000):
        faults.happens("error_rate")
    assert (time.perf_counter() - start) / 100_000 < 2e-6
    faults.stop()
