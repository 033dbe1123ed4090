"""One incident in the console: the same as the command shows, and what people do about it."""

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from observability.alerting.evidence.model import (
    Change,
    Evidence,
    Figure,
    LogEvidence,
    TraceEvidence,
    Ways,
)
from observability.alerting.ledger import Ledger
from observability.alerting.receivers.message import parts
from tests.integration.alerting.processes import Process, server
from tests.integration.console.test_console_pages import Running, post, started
from tests.support.ports import free_port
from tests.support.waiting import eventually
from tests.unit.alerting.samples import alert

TRACE = "0123456789abcdef0123456789abcdef"
AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
CONFIG = "route: {receiver: none}\nreceivers: [{name: none}]\n"


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real one, to silence at; its address."""
    folder, port = tmp_path_factory.mktemp("alertmanager"), free_port()
    (folder / "alertmanager.yml").write_text(CONFIG)
    process = Process(
        server("alertmanager", "alertmanager"),
        *("--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="),
        f"--web.listen-address=127.0.0.1:{port}",
        folder=folder,
        ready=f"http://127.0.0.1:{port}/-/ready",
    )
    yield f"http://127.0.0.1:{port}"
    process.stop()


@pytest.fixture(scope="module")
def running(alertmanager: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A console with one alert in its inbox, number 1, with all the evidence there can be."""
    folder = tmp_path_factory.mktemp("console")
    with started(folder, BELFRY_URL_ALERTMANAGER=alertmanager) as one:
        post(one, alert())
        ledger = Ledger(one.state / "inbox.db")
        # what the console gathers itself, with no backend to ask, must not come later
        eventually(lambda: ledger.evidence(1), what="evidence")
        ledger.keep_evidence(1, evidence(str(one.http.base_url)))
        ledger.close()
        yield one


def evidence(console: str) -> Evidence:
    """Something of everything."""
    return Evidence(
        gathered_at=AT,
        figure=Figure(
            expression="up",
            unit="ratio",
            value=0.4,
            text="40 %",
            limit=0.05,
            limit_text="5 %",
            points=[(1000.0 + n, n / 10) for n in range(5)],
        ),
        traces=[
            TraceEvidence(
                trace_id=TRACE,
                service="gateway",
                name="POST /orders",
                at=AT,
                seconds=1.5,
                errors=2,
                cause="checkout POST /orders: status 500",
            )
        ],
        logs=[
            LogEvidence(
                at=AT,
                level="error",
                service="checkout",
                event="<b>charge_failed",
                trace_id=TRACE,
                fields={"order_id": "7"},
            )
        ],
        changes=[Change(at=AT, kind="deploy", what="checkout 1.2.0", who="ann")],
        ways=Ways(
            incident=f"{console}/alerts/1",
            traces=f"{console}/traces?service=checkout",
            grafana="https://grafana.example.org/d/service-detail",
        ),
        missing=["Loki: did not answer in time"],
    )


def text_of(page: str) -> str:
    """What a reader reads, without the tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", page))


def test_the_page_shows_all_that_the_command_shows(running: Running) -> None:
    """Line by line, with the chart, and each link to its place in the console."""
    page = running.http.get("/alerts/1").text
    read = text_of(page)
    for title, lines in parts(evidence(str(running.http.base_url))):
        assert f"<h2>{title}</h2>" in page
        for line in lines:
            drawn = set(line.text) <= set("▁▂▃▄▅▆▇█")  # stands as a real chart instead
            assert drawn or line.text == "incident" or line.text in read, line.text
    assert 'aria-label="40 % now, limit 5 %"' in page
    assert f'href="/traces/{TRACE}"' in page
    assert 'href="/traces?service=checkout"' in page
    assert 'href="https://grafana.example.org/d/service-detail"' in page
    assert "<b>charge_failed" not in page
    for word in ("checkout is down", "No replica has answered.", "fired", "notified"):
        assert word in read
    assert "ServiceDown" in running.text("/alerts/1?part=incident")


def test_a_stranger_can_do_nothing_about_it(running: Running) -> None:
    """The page asks to sign in and comes back to the incident; what is refused is audited."""
    with httpx.Client(base_url=running.http.base_url, timeout=20) as stranger:
        page = stranger.get("/alerts/1").text
        assert "Sign in" in page
        assert "/alerts/1/silence" not in page
        form = {"form_token": "x", "lasting": "1 hour", "comment": "x"}
        for act in ("acknowledge", "silence", "unsilence"):
            assert stranger.post(f"/alerts/1/{act}", data=form).status_code == 403
        wanted = {"token": running.token, "person": "Bob", "back": "/alerts/1"}
        assert stranger.post("/controls/sign-in", data=wanted).headers["location"] == "/alerts/1"
        wanted["back"] = "https://example.org/alerts/1"
        assert stranger.post("/controls/sign-in", data=wanted).headers["location"] == "/controls"
    denied = running.audited("alert_silenced")
    assert [(one["actor"], one["outcome"]) for one in denied] == [("anonymous", "denied")]


def test_what_is_done_is_named_after_who_did_it(running: Running, alertmanager: str) -> None:
    """On the page, in Alertmanager, in the audit trail."""
    token = running.sign_in("Ada Bell")

    def act(name: str, **fields: str) -> str:
        answer = running.http.post(f"/alerts/1/{name}", data={"form_token": token, **fields})
        assert answer.headers["location"] == "/alerts/1"
        return text_of(running.http.get("/alerts/1").text)

    read = act("acknowledge", note="rolling back")
    assert "You look after it." in read
    assert "Ada Bell looks after it." in read
    assert "acknowledged Ada Bell rolling back" in read
    assert "silence it for one of" in act("silence", lasting="9 years", comment="x")
    assert "Silenced by Ada Bell until" in act("silence", lasting="1 hour", comment="known")
    [silence] = httpx.get(f"{alertmanager}/api/v2/silences").json()
    assert (silence["createdBy"], silence["comment"]) == ("Ada Bell", "known")
    assert {one["name"] for one in silence["matchers"]} >= {"alertname", "service_name"}
    assert "The silence has ended." in act("unsilence")
    assert "Not done" in act("unsilence")
    [acknowledged] = running.audited("alert_acknowledged")[-1:]
    assert acknowledged["actor"] == "Ada Bell"
    assert acknowledged["target"] == "ServiceDown checkout"
    assert json.loads(acknowledged["detail"])["note"] == "rolling back"
    outcomes = [(one["actor"], one["outcome"]) for one in running.audited("alert_silenced")]
    assert outcomes[-2:] == [("Ada Bell", "failure"), ("Ada Bell", "success")]
    assert (
        running.http.post("/alerts/99/acknowledge", data={"form_token": token}).headers["location"]
        == "/alerts/99"
    )


def test_alerts_that_fire_on_the_overview_lead_to_their_incident(running: Running) -> None:
    """One click from the first page."""
    assert 'href="/alerts/1"' in running.text("/?part=firing")


def test_grafanas_password_is_on_no_page(tmp_path: Path) -> None:
    """It may stand in the address by which Belfry reaches Grafana; people are led there without."""
    with started(tmp_path, GRAFANA_URL="https://admin:s3cret@grafana.example.org/") as one:
        post(one, alert())
        eventually(lambda: one.http.get("/api/inbox/1").json()["evidence"], what="evidence")
        for path in ("/", "/alerts", "/alerts/1"):
            assert "s3cret" not in one.http.get(path).text
        assert 'href="https://grafana.example.org"' in one.http.get("/").text
