"""The worker as processes: stall, graceful stop, one effect a message, scaling out."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from services.kit.queue.opening import open_plain
from services.kit.queue.topology import SHOP
from tests.support.shop import RunningShop, running_shop
from tests.support.waiting import eventually

CUSTOMER = {"account_id": "a", "email": "ada@example.com", "name": "Ada"}


async def publish(state: Path, count: int, routing_key: str = "order.placed") -> None:
    """Put so many events into the queue."""
    queue = open_plain(f"sqlite:///{state}/data/queue.db")
    await queue.declare(SHOP)
    bodies = ({"order_id": f"o{n}", "customer": CUSTOMER} for n in range(count))
    await asyncio.gather(*(queue.publish(routing_key, body) for body in bodies))
    await queue.close()


def fill(state: Path, count: int, routing_key: str = "order.placed") -> None:
    """The same for tests that are not asynchronous."""
    (state / "data").mkdir(parents=True, exist_ok=True)
    asyncio.run(publish(state, count, routing_key))


def rows(state: Path, query: str) -> list[tuple[Any, ...]]:
    """What the workers have stored, or what is in the queue."""
    name = "queue" if "messages" in query else "worker"
    with closing(sqlite3.connect(state / "data" / f"{name}.db", timeout=10)) as connection:
        return [tuple(row) for row in connection.execute(query)]


def waiting(state: Path, queue: str) -> int:
    """How many messages of a queue are not done with."""
    found = rows(state, "SELECT queue, count(*) FROM messages WHERE dead = 0 GROUP BY queue")
    return int(dict(found).get(queue, 0))


def until_empty(state: Path, queue: str, within: float = 60) -> None:
    """Wait until a queue has been worked off."""
    deadline = time.monotonic() + within
    while waiting(state, queue):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def worker(state: Path, **environment: str) -> Iterator[RunningShop]:
    """One worker, nothing else."""
    with running_shop(state, ["worker"], environment) as shop:
        yield shop


def test_every_event_is_mailed_and_counted_once(tmp_path: Path) -> None:
    """Two tasks of their own, each with its own copy of the message."""
    fill(tmp_path, 20)
    with worker(tmp_path) as shop:
        until_empty(tmp_path, "notification")
        until_empty(tmp_path, "analytics")
        metrics = httpx.get(f"{shop.url('worker')}/metrics").text
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT order_id) FROM mails") == [(20, 20)]
    assert rows(tmp_path, "SELECT event, count FROM event_counts") == [("order.placed", 20)]
    assert 'shop_notifications_total{kind="order.placed"} 20.0' in metrics
    for name in ("messaging_queue_depth", "messaging_queue_oldest_message_age_seconds"):
        for queue in ("shipping", "notification", "analytics", "orders"):
            assert f'{name}{{messaging_destination_name="{queue}"}}' in metrics


def test_messages_seen_long_ago_are_forgotten_by_a_worker(tmp_path: Path) -> None:
    """Else it would keep two rows of every event for ever."""
    fill(tmp_path, 1)
    with worker(tmp_path) as shop:
        until_empty(tmp_path, "notification")
        until_empty(tmp_path, "analytics")
        shop.stop("worker")
        with closing(sqlite3.connect(tmp_path / "data" / "worker.db")) as connection, connection:
            connection.execute("UPDATE inbox SET seen_at = '2020-01-01 00:00:00.000000'")
        shop.start("worker")
        eventually(lambda: rows(tmp_path, "SELECT count(*) FROM inbox") == [(0,)])


def test_mail_address_is_not_logged(tmp_path: Path) -> None:
    """The log says that a customer was notified and about what, not who."""
    fill(tmp_path, 1)
    with worker(tmp_path) as shop:
        until_empty(tmp_path, "notification")
        log = shop.log("worker")
    assert "customer_notified" in log
    assert "ada@example.com" not in log


def test_stalled_worker_takes_no_new_work(tmp_path: Path) -> None:
    """The fault `worker.stall`, set and cleared live: the queue grows, then is worked off."""
    with worker(tmp_path) as shop:
        set_stall(shop.state, on=True)
        time.sleep(1.5)
        fill(tmp_path, 5)
        time.sleep(1)
        assert waiting(tmp_path, "notification") == 5
        assert httpx.get(f"{shop.url('worker')}/readyz").status_code == 200
        set_stall(shop.state, on=False)
        until_empty(tmp_path, "notification")


def set_stall(state: Path, *, on: bool) -> None:
    """Change the flag as `belfry fault` does."""
    path = state / "flags.json"
    flags = json.loads(path.read_text())
    flags["flags"]["worker.stall"]["defaultVariant"] = "on" if on else "off"
    flags["flags"]["worker.stall"]["variants"] = {"off": False, "on": True}
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(flags))
    temporary.replace(path)


def test_stopped_worker_finishes_what_it_has_begun(tmp_path: Path) -> None:
    """SIGTERM in the middle of a mail: the mail is sent, the next one is left to others."""
    fill(tmp_path, 3)
    slow = {"SHOP_WORKER_PREFETCH": "1", "SHOP_WORKER_NOTIFICATION_SECONDS": "1.5"}
    with worker(tmp_path, **slow) as shop:
        deadline = time.monotonic() + 10
        query = "SELECT count(*) FROM messages WHERE queue = 'notification' AND lease IS NOT NULL"
        while rows(tmp_path, query) != [(1,)]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        shop.stop("worker")
        sent = rows(tmp_path, "SELECT count(*) FROM mails")[0][0]
        assert sent >= 1
        assert sent + waiting(tmp_path, "notification") == 3
        assert rows(tmp_path, query) == [(0,)]
        shop.start("worker")
        until_empty(tmp_path, "notification")
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT order_id) FROM mails") == [(3, 3)]


def test_killed_worker_loses_no_message(tmp_path: Path) -> None:
    """kill -9 with several mails at hand: after the lease they are sent, each once."""
    fill(tmp_path, 40)
    with worker(tmp_path, SHOP_WORKER_NOTIFICATION_SECONDS="0.2") as shop:
        time.sleep(0.5)
        shop.kill("worker")
        shop.start("worker")
        until_empty(tmp_path, "notification")
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT order_id) FROM mails") == [(40, 40)]


def test_message_that_cannot_be_handled_is_put_aside(tmp_path: Path) -> None:
    """An event without its fields becomes a dead letter with the reason, at once, in one queue."""

    async def publish_broken() -> None:
        queue = open_plain(f"sqlite:///{tmp_path}/data/queue.db")
        await queue.declare(SHOP)
        await queue.publish("order.placed", {"what": "nonsense"})
        await queue.close()

    (tmp_path / "data").mkdir()
    asyncio.run(publish_broken())
    with worker(tmp_path):
        until_empty(tmp_path, "notification")
        until_empty(tmp_path, "analytics")
    dead = rows(tmp_path, "SELECT queue, reason FROM messages WHERE dead = 1")
    assert dead == [("notification", "RejectedError: the event lacks 'order_id'")]
