"""The inbox keeps each notification once, joins beginnings to ends, and tells listeners."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from observability.alerting import notifications
from observability.alerting.inbox import Inbox, router
from observability.alerting.notifications import Store
from observability.alerting.webhook import Webhook
from observability.instrumentation.metrics import registry
from tests.unit.alerting.samples import alert, webhook

HOOK = "/api/inbox/alertmanager"


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """An empty inbox."""
    return Inbox(Store(tmp_path / "state" / "inbox.db"), keepalive_seconds=0.05)


@pytest.fixture
async def http(inbox: Inbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that has nothing but the inbox."""
    app = FastAPI()
    app.include_router(router(inbox, lambda: "s3cret"))
    transport = httpx.ASGITransport(app)
    known = {"Authorization": "Bearer s3cret"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://inbox", headers=known
    ) as client:
        yield client


async def listed(http: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    """What the inbox lists."""
    response = await http.get("/api/inbox", params=params)
    found: list[dict[str, Any]] = response.raise_for_status().json()
    return found


async def test_a_firing_alert_is_listed_with_what_a_person_needs(http: httpx.AsyncClient) -> None:
    """Name, severity, service, texts and times; it has not ended."""
    assert (await http.post(HOOK, json=webhook(alert()))).status_code == 204
    [one] = await listed(http)
    assert one["name"] == "ServiceDown"
    assert one["severity"] == "critical"
    assert one["service"] == "checkout"
    assert one["summary"] == "checkout is down"
    assert one["status"] == "firing"
    assert one["starts_at"] == "2026-03-01T10:00:00.123456Z"
    assert one["ends_at"] is None
    assert one["resolved_at"] is None


async def test_the_end_is_a_notification_of_its_own_and_known_to_the_beginning(
    http: httpx.AsyncClient,
) -> None:
    """Newest last; the firing one says when it was over."""
    await http.post(HOOK, json=webhook(alert()))
    await http.post(HOOK, json=webhook(alert("resolved")))
    firing, resolved = await listed(http)
    assert [firing["status"], resolved["status"]] == ["firing", "resolved"]
    assert firing["resolved_at"] == resolved["ends_at"] == "2026-03-01T10:02:30Z"


async def test_sending_again_changes_nothing_but_the_count(http: httpx.AsyncClient) -> None:
    """Alertmanager repeats what still fires, and sends again what it thinks was lost."""
    for _ in range(3):
        await http.post(HOOK, json=webhook(alert()))
    [one] = await listed(http)
    assert one["repeats"] == 2


async def test_each_notification_is_counted_and_said_once(
    http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that what reached a person can be seen beside what rang; a repetition is no news."""

    def count(status: str) -> float:
        return registry.get_sample_value("inbox_notifications_total", {"status": status}) or 0.0

    before = count("firing"), count("resolved")
    for payload in (alert(), alert(), alert("resolved")):
        await http.post(HOOK, json=webhook(payload))
    assert (count("firing"), count("resolved")) == (before[0] + 1, before[1] + 1)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["event"], one["status"]) for one in said] == [
        ("notification_received", "firing"),
        ("notification_received", "resolved"),
    ]
    assert (said[0]["alert"], said[0]["about"]) == ("ServiceDown", "checkout")


async def test_status_firing_lists_only_what_still_fires(http: httpx.AsyncClient) -> None:
    """And resolved only ends."""
    other = alert(fingerprint="0ther", labels={"service_name": "cart"})
    await http.post(HOOK, json=webhook(alert(), other))
    await http.post(HOOK, json=webhook(alert("resolved")))
    assert [one["service"] for one in await listed(http, status="firing")] == ["cart"]
    assert [one["service"] for one in await listed(http, status="resolved")] == ["checkout"]


async def test_an_alert_that_fires_anew_ends_the_one_whose_end_was_never_told(
    http: httpx.AsyncClient,
) -> None:
    """After a restart of the stack nothing stays firing for ever."""
    await http.post(HOOK, json=webhook(alert()))
    await http.post(HOOK, json=webhook(alert(startsAt="2026-03-02T08:00:00Z")))
    [one] = await listed(http, status="firing")
    assert one["starts_at"] == "2026-03-02T08:00:00Z"


async def test_since_and_after_and_limit_narrow_the_list(http: httpx.AsyncClient) -> None:
    """By time of arrival, by id, and to the newest."""
    for number in range(4):
        await http.post(HOOK, json=webhook(alert(fingerprint=str(number))))
    ids = [one["id"] for one in await listed(http)]
    assert [one["id"] for one in await listed(http, after=ids[1])] == ids[2:]
    assert [one["id"] for one in await listed(http, limit=1)] == ids[-1:]
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert await listed(http, since=later) == []


async def test_a_heartbeat_is_no_notification(http: httpx.AsyncClient) -> None:
    """What always fires shows that alerts arrive, and is not listed among them."""
    beat = alert(labels={"alertname": "Watchdog", "severity": "none"})
    await http.post(HOOK, json=webhook(beat))
    assert await listed(http) == []
    [one] = (await http.get("/api/inbox/heartbeats")).json()
    assert one["name"] == "Watchdog"


@pytest.mark.parametrize("shown", ["", "Bearer ", "Bearer wrong", "s3cret", "Bearer s3cret\u00e9"])
async def test_notifications_are_taken_from_alertmanager_alone(
    http: httpx.AsyncClient, inbox: Inbox, shown: str
) -> None:
    """Whoever does not know the token forges neither an alert nor a heartbeat."""
    beat = alert(labels={"alertname": "Watchdog", "severity": "none"})
    headers = {b"Authorization": shown.encode("latin-1")}
    answer = await http.post(HOOK, json=webhook(alert(), beat), headers=headers)
    assert answer.status_code == 401
    assert inbox.store.find() == []
    assert inbox.store.heartbeats() == []


@pytest.mark.parametrize(
    "payload",
    [
        {},
        [],
        webhook(alert()) | {"version": "3"},
        webhook(alert(startsAt="yesterday")),
        webhook(alert(startsAt="0001-01-01T00:00:00+14:00")),
        webhook(alert(fingerprint="")),
        webhook(alert("pending")),
        webhook(alert(labels={"a": 1})),
        webhook(alert()) | {"alerts": [3, None]},
    ],
)
async def test_what_is_no_notification_is_refused(http: httpx.AsyncClient, payload: Any) -> None:
    """With 422, which Alertmanager counts as a failure; and nothing is kept."""
    assert (await http.post(HOOK, json=payload)).status_code == 422
    assert await listed(http) == []


def left_out(reason: str) -> float:
    """What the counter says."""
    name = "inbox_alerts_left_out_total"
    return registry.get_sample_value(name, {"reason": reason}) or 0


@pytest.mark.parametrize(
    "odd",
    [
        alert(startsAt="yesterday"),
        alert(fingerprint=""),
        alert(labels={str(number): "x" for number in range(300)}),
        {"status": "firing"},
    ],
)
async def test_an_alert_that_cannot_be_read_does_not_cost_the_others(
    http: httpx.AsyncClient, odd: dict[str, Any]
) -> None:
    """Alertmanager would never send them again. It is counted."""
    before = left_out("unreadable")
    payload = webhook(alert(), odd, alert(fingerprint="other"))
    assert (await http.post(HOOK, json=payload)).status_code == 204
    assert [one["fingerprint"] for one in await listed(http)] == ["ba5eba11", "other"]
    assert left_out("unreadable") == before + 1


async def test_a_text_that_is_too_long_is_cut(http: httpx.AsyncClient) -> None:
    """A whole line of a log may have become a label; the alert rings nevertheless."""
    long = alert(labels={"kind": "x" * 10_000}, annotations={"summary": "y" * 10_000})
    assert (await http.post(HOOK, json=webhook(long))).status_code == 204
    [one] = await listed(http)
    assert one["labels"]["kind"] == "x" * 8_191 + "…"
    assert len(one["summary"]) == 8_192


async def test_of_a_flood_the_first_thousand_are_taken(http: httpx.AsyncClient) -> None:
    """The rest is counted, as is what Alertmanager itself has left out."""
    before = left_out("unreadable"), left_out("truncated")
    many = [alert(fingerprint=str(number)) for number in range(1_001)]
    payload = webhook(*many) | {"truncatedAlerts": 3}
    assert (await http.post(HOOK, json=payload)).status_code == 204
    assert len(await listed(http, limit=1000)) == 1_000
    assert (left_out("unreadable"), left_out("truncated")) == (before[0] + 1, before[1] + 3)


@pytest.mark.parametrize(
    "query",
    [
        "status=pending",
        "since=0001-01-01T00:00:00%2B14:00",
        "after=-1",
        "after=99999999999999999999",
        "limit=0",
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    http: httpx.AsyncClient, query: str
) -> None:
    """With 422 rather than an error of the server."""
    assert (await http.get(f"/api/inbox?{query}")).status_code == 422


async def test_a_listener_hears_what_was_missed_and_what_arrives(inbox: Inbox) -> None:
    """Each once, with its id, so that a lost connection can go on from there."""
    await inbox.receive(Webhook.model_validate(webhook(alert())))
    stream = inbox.stream(after=0)
    assert (await anext(stream)).startswith(":")
    assert "id: 1\nevent: notification\ndata: {" in await anext(stream)
    await inbox.receive(Webhook.model_validate(webhook(alert("resolved"))))
    assert "id: 2\n" in await anext(stream)
    assert (await anext(stream)).startswith(": still here")
    inbox.close()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_listener_without_an_id_hears_only_what_arrives(inbox: Inbox) -> None:
    """What was received before is on the page already."""
    await inbox.receive(Webhook.model_validate(webhook(alert())))
    stream = inbox.stream(after=None)
    await anext(stream)
    arriving = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    await inbox.receive(Webhook.model_validate(webhook(alert("resolved"))))
    assert "id: 2\n" in await arriving
    inbox.close()


async def test_listeners_are_bounded(inbox: Inbox, http: httpx.AsyncClient) -> None:
    """The one too many is told so; a place is free again when one leaves."""
    streams = [inbox.stream(after=0) for _ in range(64)]
    for stream in streams:
        await anext(stream)
    assert (await http.get("/api/inbox/stream")).status_code == 503
    inbox.close()
    for stream in streams:
        assert [item async for item in stream] == []
    assert not inbox.full


def test_the_file_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest make room for the newest."""
    monkeypatch.setattr(notifications, "_KEPT", 5)
    store = Store(tmp_path / "inbox.db")
    for number in range(9):
        payload = Webhook.model_validate(webhook(alert(fingerprint=str(number))))
        store.record(payload.alerts, datetime.now(UTC))
    assert [one.fingerprint for one in store.find()] == ["4", "5", "6", "7", "8"]
    store.close()


def test_notifications_survive_a_restart(tmp_path: Path) -> None:
    """Another process may read them meanwhile, and needs no right to write."""
    store = Store(tmp_path / "inbox.db")
    payload = Webhook.model_validate(webhook(alert()))
    store.record(payload.alerts, datetime.now(UTC))
    reader = Store(tmp_path / "inbox.db", read_only=True)
    assert reader.find() == store.find()
    reader.close()
    store.close()
    again = Store(tmp_path / "inbox.db")
    assert again.find()[0].name == "ServiceDown"
    again.close()
