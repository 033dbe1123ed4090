"""Four workers take four times as many messages off a waiting queue, on both kinds of queue."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from services.kit.queue.opening import open_plain
from services.kit.queue.topology import SHOP
from tests.support.chaos import Ground, embedded_ground, real_ground
from tests.support.parts import Parts
from tests.support.ports import free_ports
from tests.support.shop import ROOT

pytestmark = pytest.mark.timeout(300)
MAILS = 600
MEASURED_SECONDS = 12.0
SIMULATED_IO = {"SHOP_WORKER_PREFETCH": "2", "SHOP_WORKER_NOTIFICATION_SECONDS": "0.8"}
CUSTOMER = {"account_id": "a", "email": "ada@example.com", "name": "Ada"}


@pytest.fixture(params=["embedded", "real"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """Files, or RabbitMQ and PostgreSQL."""
    with (embedded_ground if request.param == "embedded" else real_ground)(tmp_path) as ground:
        yield ground


def test_four_workers_drain_four_times_as_quickly(ground: Ground, tmp_path: Path) -> None:
    """Within a fifth of four times, for mails that are mostly waiting for a mail server.

    One worker and four on the same queue in the same run, each rate taken while all are at work.
    """
    asyncio.run(publish(ground.parts))
    one = drain_rate(ground.parts, tmp_path, 1)
    four = drain_rate(ground.parts, tmp_path, 4)
    print(  # noqa: T201 - the figures of the run
        f"one worker {one:.1f}/s, four workers {four:.1f}/s: {four / one:.2f} times as quick"
    )
    assert 3.2 < four / one < 4.8


async def publish(parts: Parts) -> None:
    """Have so many mails wait to be sent."""
    queue = open_plain(parts.queue_url)
    await queue.declare(SHOP)
    for start in range(0, MAILS, 50):
        bodies = ({"order_id": f"o{start + n}", "customer": CUSTOMER} for n in range(50))
        await asyncio.gather(*(queue.publish("order.placed", body) for body in bodies))
    await queue.close()


def drain_rate(parts: Parts, folder: Path, workers: int) -> float:
    """Mails a second that so many workers send."""
    with ExitStack() as stack:
        ports = [stack.enter_context(worker(parts, folder)) for _ in range(workers)]
        until_all_at_work(parts, ports)
        started, before = next_mail(parts)
        time.sleep(MEASURED_SECONDS)
        ended, after = next_mail(parts)
    assert after < MAILS, "the queue ran dry while it was measured"
    return (after - before) / (ended - started)


def next_mail(parts: Parts) -> tuple[float, int]:
    """The moment at which the next mail is sent, and how many there are then.

    From mail to mail, because a worker sends those that it works on side by side at once.
    """
    before = sent(parts)
    while (now := sent(parts)) == before:
        time.sleep(0.01)
    return time.monotonic(), now


def sent(parts: Parts) -> int:
    """How many mails there are."""
    return int(parts.rows("worker", "SELECT count(*) FROM mails")[0][0])


def until_all_at_work(parts: Parts, ports: list[int]) -> None:
    """Wait until each worker has sent some mails, and nothing else is left to be done."""
    deadline = time.monotonic() + 90
    for port in ports:
        while mails_of(port) < 4:
            assert time.monotonic() < deadline, f"the worker on port {port} does nothing"
            time.sleep(0.1)
    while parts.rows("worker", "SELECT count FROM event_counts") != [(MAILS,)]:
        assert time.monotonic() < deadline, "the events are not counted"
        time.sleep(0.1)


def mails_of(port: int) -> float:
    """How many mails a worker says it has sent."""
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    except httpx.TransportError:
        return 0.0
    lines = (one for one in text.splitlines() if one.startswith("shop_notifications_total{"))
    return sum(float(line.rpartition(" ")[2]) for line in lines)


@contextmanager
def worker(parts: Parts, folder: Path) -> Iterator[int]:
    """One of several workers; its port."""
    (port,) = free_ports(1)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SHOP_", "OTEL_"))}
    own = {
        "SHOP_DATA_DIR": str(folder / "worker-data"),
        "SHOP_TOKEN_KEY": "a key for tests that is long enough to be taken",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    command = [sys.executable, "-m", "uvicorn", "services.worker.app:app", "--port", str(port)]
    with (
        (folder / f"worker-{port}.log").open("wb") as log,
        subprocess.Popen(
            [*command, "--no-access-log"],
            cwd=ROOT,
            env=kept | own | SIMULATED_IO | parts.environment(),
            stdout=log,
            stderr=log,
        ) as process,
    ):
        yield port
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
