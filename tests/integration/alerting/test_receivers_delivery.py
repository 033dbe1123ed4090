"""Every receiver gets every message with its evidence, in order, however long it was away."""

import asyncio
import email
import hashlib
import hmac
import json
import logging
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, Request, Response

from observability.alerting.desk import Desk
from observability.alerting.inbox import Inbox
from observability.alerting.incidents import find_incident
from observability.alerting.notifications import Store
from observability.alerting.own_alerts import RECEIVER_FAILING
from observability.alerting.receivers.courier import Patience
from observability.alerting.receivers.settings import load_notify
from observability.alerting.webhook import Webhook
from observability.instrumentation.metrics import registry
from observability.settings import Settings
from tests.support.http import listening
from tests.support.ports import free_port
from tests.support.waiting import eventually_async
from tests.unit.alerting.samples import alert, webhook

QUICK = Patience(report_after=0.6, first_wait=0.05, longest_wait=0.2, evidence_wait=10)
NOWHERE = {"prometheus": 1, "loki": 1, "jaeger": 1}


class Ear:
    """An HTTP receiver that keeps what it is sent and answers as it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answers = 200
        self.app = FastAPI()
        self.app.post("/{path:path}")(self.hear)

    async def hear(self, request: Request) -> Response:
        """Keep what is taken."""
        if self.answers == 200:
            self.heard.append((dict(request.headers), await request.body()))
        return Response("no: the key geheim is wrong", status_code=self.answers)

    async def has_heard(self, messages: int) -> None:
        """Wait until it has taken so many."""
        await eventually_async(lambda: len(self.heard) == messages, 60, f"{messages} messages")

    @property
    def bodies(self) -> list[Any]:
        """What was sent, as JSON."""
        return [json.loads(body) for _, body in self.heard]


class Postbox:
    """Takes every mail."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep it."""
        content = envelope.content
        assert isinstance(content, bytes)
        mail = email.message_from_bytes(content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"


@pytest.fixture
async def ear() -> Ear:
    return Ear()


@asynccontextmanager
async def desk(
    state: Path, variables: dict[str, str], patience: Patience = QUICK
) -> AsyncIterator[Inbox]:
    """An inbox whose desk is running, with no backend to ask."""
    settings = Settings(state_dir=state, ports=NOWHERE)
    inbox = Inbox(Store(settings.inbox_file))
    notify = load_notify({f"BELFRY_NOTIFY_{name}": value for name, value in variables.items()})
    async with Desk(inbox, settings, notify, patience).running():
        yield inbox
    inbox.store.close()


def payload(*alerts: dict[str, Any]) -> Webhook:
    """As Alertmanager's."""
    return Webhook.model_validate(webhook(*alerts))


def numbered(number: int) -> Webhook:
    """An incident of its own."""
    one = webhook(alert(fingerprint=f"f{number}", annotations={"summary": f"number {number}"}))
    return Webhook.model_validate(one | {"groupKey": f"g{number}"})


async def test_mail_has_text_and_html_and_is_one_thread(tmp_path: Path) -> None:
    """By a real SMTP server: evidence in both parts; the end refers to the beginning."""
    box = Postbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        variables = {
            "MAIL_KIND": "smtp",
            "MAIL_HOST": "127.0.0.1",
            "MAIL_PORT": str(server.port),
            "MAIL_TO": "ops@example.org",
        }
        async with desk(tmp_path, variables) as inbox:
            await inbox.receive(payload(alert(annotations={"summary": "<b>down</b>\nBcc: x@y"})))
            await inbox.receive(payload(alert("resolved")))
            await eventually_async(lambda: len(box.mails) == 2, 60, "both mails")
    finally:
        server.stop()
    began, ended = box.mails
    assert began["Subject"] == "CRITICAL <b>down</b> Bcc: x@y"
    assert began["Bcc"] is None
    assert ended["Subject"] == "RESOLVED checkout is down"
    assert began["References"] == ended["References"]
    plain, html = began.get_body(("plain",)), began.get_body(("html",))
    assert plain is not None
    assert html is not None
    said = plain.get_content()
    assert "No replica has answered." in said
    assert "/alerts/1" in said
    assert "Missing from this evidence:" in said
    assert "Jaeger" in said
    assert "<b>down" not in html.get_content()
    assert "/docs/runbooks/ServiceDown.md" in html.get_content()


async def test_chat_hook_and_pager_are_told_once_an_incident(tmp_path: Path, ear: Ear) -> None:
    """Two alerts of a group are one message; each kind in its own form, with the evidence."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(listening(ear.app))
        variables = {
            "A_KIND": "slack",
            "A_URL": f"{url}/slack",
            "B_KIND": "webhook",
            "B_URL": f"{url}/hook",
            "B_SECRET": "geheim",
            "C_KIND": "pagerduty",
            "C_URL": f"{url}/page",
            "C_ROUTING_KEY": "r-key",
        }
        inbox = await stack.enter_async_context(desk(tmp_path, variables))
        both = payload(alert(), alert(fingerprint="second", annotations={"summary": "too"}))
        await inbox.receive(both)
        await inbox.receive(both)
        await eventually_async(lambda: len(ear.heard) == 3, 60, "three messages")
        half = webhook(alert(fingerprint="second"), alert("resolved"))
        await inbox.receive(Webhook.model_validate(half | {"status": "firing"}))
        await eventually_async(lambda: len(ear.heard) == 5, 60, "half an end; no page is over yet")
        await inbox.receive(payload(alert("resolved"), alert("resolved", fingerprint="second")))
        await eventually_async(lambda: len(ear.heard) == 8, 60, "three ends")
    chats, hooks, pages = (
        [body for body in ear.bodies if key in body] for key in ("blocks", "version", "routing_key")
    )
    slack, hook, page = chats[0], hooks[0], pages[0]
    assert slack["blocks"][0]["text"]["text"] == "🔴 CRITICAL checkout is down (+1)"
    assert {one["text"]["text"] for one in slack["blocks"][-1]["elements"]} >= {
        "Incident",
        "Dashboard",
        "Silence",
    }
    assert [one["fingerprint"] for one in hook["alerts"]] == ["ba5eba11", "second"]
    assert "/dashboards/service-detail?" in hook["evidence"]["ways"]["dashboard"]
    assert (page["event_action"], page["dedup_key"]) == ("trigger", hook["incident"])
    assert page["payload"]["severity"] == "critical"
    assert [chat["text"] for chat in chats[1:]] == [
        "🟢 RESOLVED checkout is down, 1 still firing",
        "🟢 RESOLVED checkout is down (+1)",
    ]
    assert [(one["status"], one["kind"], len(one["alerts"])) for one in hooks] == [
        ("firing", "news", 2),
        ("firing", "end", 1),
        ("resolved", "over", 2),
    ]
    assert {one["status"] for one in hooks[2]["alerts"]} == {"resolved"}
    assert [one["event_action"] for one in pages] == ["trigger", "resolve"]
    assert pages[1]["dedup_key"] == page["dedup_key"]


async def test_whoever_has_acknowledged_a_page_is_called_for_the_next(
    tmp_path: Path, ear: Ear
) -> None:
    """A page that joins has a key of its own, and each is resolved when it is over; what fires
    after all of it is another incident."""
    second: dict[str, Any] = {"fingerprint": "second", "annotations": {"summary": "too"}}
    async with listening(ear.app) as url:
        variables = {"C_KIND": "pagerduty", "C_URL": url, "C_ROUTING_KEY": "k"}
        async with desk(tmp_path, variables) as inbox:
            half = webhook(alert("resolved"), alert(**second)) | {"status": "firing"}
            for events, received in (
                (1, payload(alert())),
                (2, payload(alert(), alert(**second))),
                (3, Webhook.model_validate(half)),
                (5, payload(alert("resolved", **second))),
                (6, payload(alert(startsAt="2026-03-02T08:00:00Z"))),
            ):
                await inbox.receive(received)
                await ear.has_heard(events)
    said = [(one["event_action"], one["dedup_key"]) for one in ear.bodies]
    first, joined, again = said[0][1], said[1][1], said[-1][1]
    assert len({first, joined, again}) == 3
    assert said == [
        ("trigger", first),
        ("trigger", joined),
        ("resolve", first),
        ("resolve", first),
        ("resolve", joined),
        ("trigger", again),
    ]


async def test_what_goes_on_firing_is_told_again(tmp_path: Path, ear: Ear) -> None:
    """When Alertmanager repeats it; not when it only sends again what it thinks was lost."""
    async with listening(ear.app) as url:
        variables = {"H_KIND": "webhook", "H_URL": f"{url}/hook", "P_KIND": "pagerduty"}
        variables |= {"P_URL": f"{url}/page", "P_ROUTING_KEY": "k"}
        patience = replace(QUICK, remind_after=1)
        async with desk(tmp_path, variables, patience) as inbox:
            for _ in range(3):
                await inbox.receive(payload(alert()))
            await eventually_async(lambda: len(ear.heard) == 2, 60, "the beginning")
            await asyncio.sleep(1.1)
            await inbox.receive(payload(alert()))
            await eventually_async(lambda: len(ear.heard) == 4, 60, "the reminder")
    hooks = [body for body in ear.bodies if "version" in body]
    pages = [body for body in ear.bodies if "routing_key" in body]
    assert [one["kind"] for one in hooks] == ["news", "reminder"]
    assert hooks[1]["title"] == "STILL CRITICAL checkout is down"
    assert hooks[1]["evidence"] is not None
    assert [one["event_action"] for one in pages] == ["trigger", "trigger"]
    assert pages[0]["dedup_key"] == pages[1]["dedup_key"]


async def test_a_hook_with_a_secret_is_signed(tmp_path: Path, ear: Ear) -> None:
    """Who knows the secret can tell the sender and the age of the message."""
    async with listening(ear.app) as url:
        variables = {"H_KIND": "webhook", "H_URL": url, "H_SECRET": "geheim"}
        async with desk(tmp_path, variables) as inbox:
            await inbox.receive(payload(alert()))
            await eventually_async(lambda: ear.heard, 60, "the message")
    headers, body = ear.heard[0]
    at, _, digest = headers["x-belfry-signature"].removeprefix("t=").partition(",v1=")
    expected = hmac.new(b"geheim", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(digest, expected)
    assert abs(time.time() - int(at)) < 60


async def test_a_receiver_gets_what_it_asked_for(tmp_path: Path, ear: Ear) -> None:
    """Filtered by severity and team; the end goes to whom the beginning went."""
    async with listening(ear.app) as url:
        variables = {"H_KIND": "webhook", "H_URL": url, "H_SEVERITY": "warning"}
        async with desk(tmp_path, variables) as inbox:
            await inbox.receive(payload(alert()))
            warning = alert(fingerprint="w", labels={"severity": "warning"})
            other = webhook(warning) | {"groupKey": "other"}
            await inbox.receive(Webhook.model_validate(other))
            await inbox.receive(payload(alert("resolved")))
            ended = alert("resolved", fingerprint="w", labels={"severity": "warning"})
            await inbox.receive(Webhook.model_validate(webhook(ended) | {"groupKey": "other"}))
            await eventually_async(lambda: len(ear.heard) == 2, 60, "begin and end of the warning")
            await asyncio.sleep(0.2)
    assert [(one["status"], one["alerts"][0]["severity"]) for one in ear.bodies] == [
        ("firing", "warning"),
        ("resolved", "warning"),
    ]


async def test_a_receiver_that_was_away_gets_everything_in_order_and_others_hear_of_it(
    tmp_path: Path, ear: Ear
) -> None:
    """Also across a restart; after the limit the inbox and the other receivers are told."""
    port, other = free_port(), Ear()
    async with listening(other.app) as url:
        variables = {
            "AWAY_KIND": "webhook",
            "AWAY_URL": f"http://127.0.0.1:{port}/",
            "OTHER_KIND": "webhook",
            "OTHER_URL": url,
            "OTHER_TEAM": "nobody",
        }
        async with desk(tmp_path, variables) as inbox:
            for number in range(3):
                await inbox.receive(numbered(number))
            await eventually_async(lambda: other.heard, 60, "the other receiver is told")
            report = inbox.store.find(status="firing")[-1]
        async with desk(tmp_path, variables) as inbox:
            await inbox.receive(numbered(3))
            async with listening(ear.app, port):
                await eventually_async(lambda: len(ear.heard) == 4, 60, "all four")
            await eventually_async(lambda: len(other.heard) == 2, 60, "that it is back")
            last = inbox.store.find()[-1]
            told = find_incident(inbox.store, 1)
    assert [one["alerts"][0]["summary"] for one in ear.bodies] == [
        f"number {number}" for number in range(4)
    ]
    assert all(one["evidence"] is not None for one in ear.bodies)
    assert (report.name, report.labels["receiver"]) == (RECEIVER_FAILING.name, "away")
    assert "BELFRY_NOTIFY_AWAY_" in report.description
    assert [one["title"] for one in other.bodies] == [
        "WARNING Receiver away is failing",
        "RESOLVED Receiver away is back",
    ]
    assert (last.name, last.status) == (RECEIVER_FAILING.name, "resolved")
    assert told is not None
    assert [event.kind for event in told.timeline] == ["fired", "notified", "delivered"]


async def test_an_error_of_the_file_does_not_end_deliveries(tmp_path: Path, ear: Ear) -> None:
    """A table that is away, a disk that is full: it is counted, and tried again."""

    def failures() -> float:
        task = {"task": "courier-h"}
        return registry.get_sample_value("background_task_failures_total", task) or 0

    port, before = free_port(), failures()
    variables = {"H_KIND": "webhook", "H_URL": f"http://127.0.0.1:{port}/"}
    async with desk(tmp_path, variables) as inbox:
        await inbox.receive(payload(alert()))
        with sqlite3.connect(inbox.store.path) as other:
            other.execute("ALTER TABLE deliveries RENAME TO away")
        await eventually_async(lambda: failures() > before, 60, "an error that is counted")
        with sqlite3.connect(inbox.store.path) as other:
            other.execute("ALTER TABLE away RENAME TO deliveries")
        async with listening(ear.app, port):
            await ear.has_heard(1)


async def test_a_message_that_is_refused_holds_up_no_other(
    tmp_path: Path, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    """It is put aside and reported; neither log nor inbox repeats a secret."""
    caplog.set_level(logging.DEBUG)
    ear.answers = 400
    async with listening(ear.app) as url:
        secret = f"{url}/geheim"
        variables = {"H_KIND": "webhook", "H_URL": secret, "H_SECRET": "geheim"}
        async with desk(tmp_path, variables) as inbox:
            await inbox.receive(numbered(0))
            await eventually_async(lambda: len(inbox.store.find()) == 2, 60, "the report")
            ear.answers = 200
            await inbox.receive(numbered(1))
            await eventually_async(lambda: len(ear.heard) == 1, 60, "the next message")
            await eventually_async(lambda: len(inbox.store.find()) == 4, 60, "that it is back")
            kept = [one.model_dump_json() for one in inbox.store.find()]
            refused = find_incident(inbox.store, 1)
    assert ear.bodies[0]["alerts"][0]["summary"] == "number 1"
    assert refused is not None
    assert [event.kind for event in refused.timeline][-1] == "refused"
    assert "answered 400 no: the key [hidden] is wrong" in refused.timeline[-1].note
    # the receiver of this test writes a log of its own
    ours = [one.getMessage() for one in caplog.records if not one.name.startswith("uvicorn")]
    everything = " ".join([*kept, *ours, refused.model_dump_json()])
    assert "geheim" not in everything
