"""`belfry queue` on both kinds of queue."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from observability.instrumentation.audit import read_journal
from services.kit.queue.cli import app
from services.kit.queue.opening import open_plain
from services.kit.queue.port import Message, Queue, RejectedError
from services.kit.queue.topology import SHOP
from tests.support.waiting import eventually_async

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def elsewhere(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command is told where the queue is, and what it does is kept here."""
    monkeypatch.setenv("SHOP_QUEUE_URL", url)
    monkeypatch.setenv("BELFRY_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("BELFRY_PORT_OFFSET", "31000")  # nobody there to send it to
    for variable in (
        "BELFRY_AUDIT_DIR",
        "OTEL_SERVICE_NAME",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_RESOURCE_ATTRIBUTES",
    ):
        monkeypatch.setenv(variable, "")  # the command sets it: taken back after the test


def run(*arguments: str, code: int = 0) -> str:
    """What the command writes."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result.output


def run_json(*arguments: str) -> Any:
    """What the command tells programs."""
    return json.loads(run(*arguments, "--json"))


async def fill(url: str) -> None:
    """Leave a waiting message in `analytics` and a dead letter in `shipping`."""
    queue: Queue = open_plain(url)
    await queue.declare(SHOP)

    async def reject(_message: Message) -> None:
        raise RejectedError("no address")

    async def drop(message: Message) -> None:
        dropped.append(message.id)

    dropped: list[str] = []
    await queue.publish("order.paid", {"order_id": "o1"}, {"traceparent": "t"}, "m1")
    await queue.consume("notification", drop)
    await queue.consume("shipping", reject)
    await eventually_async(lambda: dropped == ["m1"])
    while not await queue.dead("shipping"):
        pass
    await queue.close()


@pytest.fixture(autouse=True)
async def filled(url: str) -> None:
    """The same content for each test; a shared broker is emptied first."""
    queue: Queue = open_plain(url)
    await queue.declare(SHOP)
    for binding in SHOP.bindings:
        await queue.replay(binding.queue)

        async def drop(_message: Message) -> None:
            return

        await queue.consume(binding.queue, drop, prefetch=100)
    while any(stats.depth for stats in await queue.stats()):
        pass
    await queue.close()
    await fill(url)


def test_list_shows_all_queues() -> None:
    """Depth, age and dead letters of each; for people and for programs."""
    found = {row["queue"]: row for row in run_json("list")}
    assert set(found) == {"shipping", "notification", "analytics", "orders"}
    assert (found["analytics"]["depth"], found["analytics"]["dead"]) == (1, 0)
    assert found["analytics"]["oldest_age_seconds"] >= 0
    assert (found["shipping"]["depth"], found["shipping"]["dead"]) == (0, 1)
    assert "analytics" in run("list")


def test_peek_shows_messages() -> None:
    """Id, key, headers and body of what waits."""
    (message,) = run_json("peek", "analytics")
    assert message["id"] == "m1"
    assert message["routing_key"] == "order.paid"
    assert message["body"] == {"order_id": "o1"}
    assert message["headers"] == {"traceparent": "t"}
    assert "no messages" in run("peek", "shipping")


def test_dead_letter_is_shown_and_replayed() -> None:
    """With its reason; after the replay it waits again, and there is nothing more to replay."""
    (letter,) = run_json("peek", "shipping", "--dead")
    assert letter["reason"] == "RejectedError: no address"
    assert letter["attempt"] == 1
    assert run_json("replay", "shipping", "--id", "m1") == {"queue": "shipping", "replayed": 1}
    assert [message["id"] for message in run_json("peek", "shipping")] == ["m1"]
    run("replay", "shipping", code=1)


def test_a_replay_is_in_the_audit_trail(tmp_path: Path) -> None:
    """Who put what back into which queue; also that there was nothing to put back."""
    run("replay", "shipping", "--id", "m1")
    run("replay", "shipping", code=1)
    first, second = read_journal(tmp_path / "audit" / "belfry-cli.jsonl")
    assert (first.action, first.target, first.outcome) == (
        "queue_replay",
        "queue shipping",
        "success",
    )
    assert first.actor
    assert json.loads(first.detail) == {"message": "m1", "replayed": "1"}
    assert (second.outcome, json.loads(second.detail)["replayed"]) == ("failure", "0")


def test_unknown_queue_is_wrong_use() -> None:
    """One line that names the queue and exit code 2."""
    output = run("peek", "nowhere", code=2)
    assert "nowhere" in output
    assert len(output.strip().splitlines()) == 1


@pytest.mark.parametrize("side", ["embedded"], indirect=True)
def test_looking_makes_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Where nothing ever ran there is nothing to be listed, and nothing appears."""
    monkeypatch.delenv("SHOP_QUEUE_URL")
    monkeypatch.setenv("BELFRY_STATE_DIR", str(tmp_path / "nothing"))
    assert "no queue at" in run("list", code=2)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("side", ["embedded"], indirect=True)
def test_url_may_be_a_secret_file(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """As for the services; a file that cannot be read is wrong use."""
    monkeypatch.delenv("SHOP_QUEUE_URL")
    secret = tmp_path / "queue_url"
    monkeypatch.setenv("SHOP_QUEUE_URL_FILE", str(secret))
    assert str(secret) in run("list", code=2)
    secret.write_text(f"{url}\n")
    assert "analytics" in run("list")


@pytest.mark.parametrize("side", ["embedded"], indirect=True)
def test_url_of_no_known_kind_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2 and what it should look like."""
    monkeypatch.setenv("SHOP_QUEUE_URL", "kafka://broker")
    assert "sqlite:/// or amqp://" in run("list", code=2)
