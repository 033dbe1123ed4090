"""From a burst of errors to a notification with its evidence, by all the real servers."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from observability.alerting import incidents
from observability.alerting.desk import Desk
from observability.alerting.evidence.model import Evidence
from observability.alerting.inbox import Inbox
from observability.alerting.notifications import Store
from observability.alerting.receivers.settings import Notify
from observability.alerting.webhook import Webhook
from observability.query import Alertmanager
from observability.settings import Settings
from tests.integration.alerting.processes import Process, console
from tests.support.http import silent
from tests.support.otlp_json import record, records
from tests.support.ports import free_port
from tests.support.real_servers import RealServers, own_profile
from tests.unit.alerting.samples import alert, webhook

pytestmark = pytest.mark.timeout(1800)  # the first run ever builds the servers

ROOT = Path(__file__).parents[3]
FAILED = 'http_server_request_duration_seconds_count{http_response_status_code=~"5.."}'
BY = "by (service_name, service_namespace, deployment_environment_name)"
RULES = {
    "groups": [
        {
            "name": "test",
            "interval": "1s",
            "rules": [
                {
                    "alert": "HighErrorRate",
                    "expr": (
                        f"(sum {BY} (rate({FAILED}[30s])) / sum {BY}"
                        " (rate(http_server_request_duration_seconds_count[30s]))) > 0.05"
                        f" and sum {BY} (increase({FAILED}[30s])) >= 3"
                    ),
                    "labels": {"severity": "critical", "team": "services"},
                    "annotations": {
                        "summary": "{{ $labels.service_name }} fails"
                        " {{ $value | humanizePercentage }}",
                        "runbook_url": "docs/runbooks/HighErrorRate.md",
                        "dashboard_url": "/d/service-detail?var-service=orders",
                    },
                }
            ],
        }
    ]
}


class World:
    """The servers, a console, and a service that can be asked to fail."""

    def __init__(self, servers: RealServers, console_url: str, app_url: str, state: Path) -> None:
        self.servers = servers
        self.console = console_url
        self.app = app_url
        self.state = state

    def burst(self) -> None:
        """Half of the requests fail."""
        for number in range(20):
            for kind in ("bad", "good"):
                self.servers.http.get(f"{self.app}/orders/{kind}-{number}")

    def incident(self) -> dict[str, Any] | None:
        """The one on errors, once it has its evidence."""
        listed = self.servers.http.get(f"{self.console}/api/inbox").json()
        found = [one["id"] for one in listed if one["name"] == "HighErrorRate"]
        if not found:
            return None
        url = f"{self.console}/api/inbox/{found[0]}"
        one: dict[str, Any] = self.servers.http.get(url).json()
        return one if one["evidence"] else None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("evidence")
    rules = folder / "rules"
    rules.mkdir()
    (rules / "test.yml").write_text(json.dumps(RULES))
    port, app_port = free_port(), free_port()
    inbox_url = f"http://127.0.0.1:{port}/api/inbox/alertmanager"
    servers = RealServers(folder / "state", inbox_url=inbox_url)
    servers.site = replace(servers.site, profile=own_profile(folder, rules=rules))
    identity = {
        "service_name": "orders",
        "service_namespace": "demo",
        "deployment_environment_name": "test",
        "instance": "orders-1",
    }
    (folder / "state/targets/services.json").write_text(
        json.dumps([{"targets": [f"127.0.0.1:{app_port}"], "labels": identity}])
    )
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, at in servers.site.ports.items():
            patch.setenv(f"BELFRY_PORT_{name.upper()}", str(at))
        for name in ("app", "console"):
            (folder / name).mkdir()
        app = Process(
            sys.executable,
            *("-m", "uvicorn", "tests.integration.alerting.failing_app:app"),
            *("--port", str(app_port), "--no-access-log"),
            folder=folder / "app",
            ready=f"http://127.0.0.1:{app_port}/metrics",
            environment={
                "PYTHONPATH": str(ROOT),
                "OTEL_SERVICE_NAME": "orders",
                "OTEL_EXPORTER_OTLP_ENDPOINT": servers.site.url("collector"),
                "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=demo,service.version=1.2.3,"
                "service.instance.id=orders-1,deployment.environment.name=test",
            },
        )
        stack.callback(app.stop)
        page = console(folder / "console", port)
        stack.callback(page.stop)
        stack.enter_context(servers)
        yield World(
            servers,
            f"http://127.0.0.1:{port}",
            f"http://127.0.0.1:{app_port}",
            folder / "console" / "state",
        )


def test_a_burst_of_errors_comes_with_its_traces_and_their_log_lines(world: World) -> None:
    """Figure and chart, failing traces, their errors first, what changed, where to look."""
    fault: dict[str, Any] = {"audit_action": "fault_set", "audit_target": "orders.error_rate"}
    who: dict[str, Any] = {
        "audit_actor": "ann",
        "audit_detail": '{"value": "0.5"}',
        "log_stream": "audit",
    }
    world.servers.post("collector", "/v1/logs", records("belfry", record("audit", **fault, **who)))
    stop = threading.Event()
    feeding = threading.Thread(target=_feed, args=(world, stop))
    feeding.start()
    try:
        found = world.servers.until(world.incident, within=90, what="a notification's evidence")
    finally:
        stop.set()
        feeding.join()
    assert found is not None
    evidence = Evidence.model_validate(found["evidence"])
    assert evidence.missing == []
    assert evidence.took_seconds < 8
    assert evidence.services == ["orders"]

    assert evidence.figure is not None
    assert evidence.figure.unit == "ratio"
    assert evidence.figure.value == pytest.approx(0.5, abs=0.1)
    assert evidence.figure.limit_text == "5 %"
    assert evidence.figure.points

    assert len(evidence.traces) == 3
    assert all(trace.errors for trace in evidence.traces)
    assert evidence.traces[0].name == "GET /orders/{order_id}"
    assert evidence.traces[0].cause.startswith("orders GET /orders/{order_id}: ")

    known = {trace.trace_id for trace in evidence.traces}
    assert {line.trace_id for line in evidence.logs} <= known
    assert evidence.logs[0].event == "order_lost"
    assert evidence.logs[0].level == "error"
    assert evidence.logs[0].fields["order_id"].startswith("bad-")
    assert "4242" not in json.dumps(found["evidence"])

    changes = {(one.kind, one.what, one.who) for one in evidence.changes}
    assert ("fault_set", "orders.error_rate value=0.5", "ann") in changes
    assert ("start", "orders 1.2.3, 1 process started", "") in changes

    assert evidence.ways.dashboard is not None
    assert "&from=" in evidence.ways.dashboard
    assert evidence.ways.runbook == f"{world.console}/docs/runbooks/HighErrorRate.md"
    assert evidence.ways.silence is not None
    assert [event["kind"] for event in found["timeline"]][:2] == ["fired", "notified"]

    shown = _belfry(world, "alerts", "show", str(found["notification"]["id"]))
    for part in ("HighErrorRate", "Figure:", "Traces:", "order_lost", "Changed lately:", "fired"):
        assert part in shown


async def test_a_silence_is_made_kept_and_ended(world: World, tmp_path: Path) -> None:
    """In Alertmanager, on exactly the alert's labels; audited, and part of the timeline."""
    store = Store(tmp_path / "inbox.db")
    [one] = store.record(Webhook.model_validate(webhook(alert())).alerts, datetime.now(UTC))
    audited: list[tuple[str, str]] = []

    def audit(action: str, target: str, _detail: dict[str, str]) -> None:
        audited.append((action, target))

    async with httpx.AsyncClient(base_url=world.servers.site.url("alertmanager")) as http:
        api = Alertmanager(http)
        for length in (timedelta(hours=1), timedelta(hours=2)):
            made = await incidents.silence(
                store, api, one.id, length, actor="ann", comment="repair", audit=audit
            )
        [silence] = await api.silences()
        assert silence.matchers == one.labels
        assert silence.comment == "repair"
        assert made.silenced is not None
        assert made.silenced.silence == silence.id
        incidents.acknowledge(store, one.id, actor="bob", note="on it", audit=audit)
        ended = await incidents.unsilence(store, api, one.id, actor="bob", audit=audit)
        assert await api.silences() == []
        with pytest.raises(incidents.NotSilencedError):
            await incidents.unsilence(store, api, one.id, actor="bob", audit=audit)
    assert ended.silenced is None
    assert ended.acknowledged is not None
    assert ended.acknowledged.actor == "bob"
    kinds = [event.kind for event in ended.timeline if event.kind not in {"fired", "notified"}]
    assert kinds == ["silenced", "silenced", "acknowledged", "unsilenced"]
    assert [action for action, _ in audited] == [
        "alert_silenced",
        "alert_silenced",
        "alert_acknowledged",
        "alert_unsilenced",
    ]
    assert audited[0][1] == "ServiceDown checkout"


async def test_backends_that_do_not_answer_are_named_and_cost_a_bounded_time(
    tmp_path: Path,
) -> None:
    """A notification is listed at once; its evidence says who was silent."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(silent())
        names = ("prometheus", "loki", "jaeger")
        settings = Settings(state_dir=tmp_path, urls=dict.fromkeys(names, url))
        inbox = Inbox(Store(settings.inbox_file))
        await stack.enter_async_context(Desk(inbox, settings, Notify()).running())
        began = time.monotonic()
        await inbox.receive(Webhook.model_validate(webhook(alert())))
        assert len(inbox.store.find()) == 1
        while (found := incidents.find_incident(inbox.store, 1)) is None or not found.evidence:
            assert time.monotonic() - began < 10
            await asyncio.sleep(0.05)
    inbox.store.close()
    evidence = found.evidence
    assert evidence.took_seconds <= 8.5
    assert [one.partition(":")[0] for one in evidence.missing] == ["Jaeger", "Loki", "Prometheus"]
    assert evidence.ways.runbook is not None


def _feed(world: World, stop: threading.Event) -> None:
    while not stop.is_set():
        world.burst()
        stop.wait(0.5)


def _belfry(world: World, *arguments: str) -> str:
    port = world.console.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "observability.cli", *arguments],
        env={
            **os.environ,
            "BELFRY_STATE_DIR": str(world.state),
            "BELFRY_PORT_CONSOLE": port,
            "COLUMNS": "200",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout
