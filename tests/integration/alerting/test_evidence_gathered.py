"""From a burst of errors to a notification with its evidence, by all the real servers."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from observability.alerting import incidents
from observability.alerting.desk import Desk
from observability.alerting.evidence.asking import Backends
from observability.alerting.evidence.chart import svg
from observability.alerting.evidence.gather import gather
from observability.alerting.evidence.model import Evidence
from observability.alerting.evidence.subject import QUEUE
from observability.alerting.evidence.ways import places
from observability.alerting.inbox import Inbox
from observability.alerting.notifications import Store
from observability.alerting.receivers.settings import Notify
from observability.alerting.webhook import Webhook
from observability.settings import Settings
from tests.integration.alerting.processes import Process, console
from tests.support.http import silent
from tests.support.otlp_json import record, records
from tests.support.ports import free_port
from tests.support.real_servers import RealServers
from tests.unit.alerting.samples import alert, webhook

pytestmark = pytest.mark.timeout(1800)  # the first run ever builds the servers

ROOT = Path(__file__).parents[3]


class World:
    """The servers, a console, and a service that can be asked to fail."""

    def __init__(self, servers: RealServers, console_url: str, app_url: str, state: Path) -> None:
        self.servers = servers
        self.console = console_url
        self.app = app_url
        self.state = state

    def ask(self, *kinds: str) -> None:
        """Requests, as many of each kind."""
        for number in range(20):
            for kind in kinds:
                self.servers.http.get(f"{self.app}/orders/{kind}-{number}")

    def known_for(self, evaluations: int) -> bool:
        """Whether the rules have seen the service's traffic for so long."""
        rate = 'slo:burn_rate:ratio{service_name="orders",factor="14.4",window="long"}'
        query = f"sum(count_over_time({rate}[5m])) >= {evaluations}"
        answer = self.servers.get("prometheus", "/api/v1/query", query=query)
        return bool(answer["data"]["result"])

    def incident(self, name: str) -> dict[str, Any] | None:
        """The first of an alert, once it has its evidence."""
        listed = self.servers.http.get(f"{self.console}/api/inbox").json()
        found = [one["id"] for one in listed if one["name"] == name]
        if not found:
            return None
        url = f"{self.console}/api/inbox/{found[0]}"
        one: dict[str, Any] = self.servers.http.get(url).json()
        return one if one["evidence"] else None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("evidence")
    port, app_port = free_port(), free_port()
    inbox_url = f"http://127.0.0.1:{port}/api/inbox/alertmanager"
    servers = RealServers(folder / "state", inbox_url=inbox_url)
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
        secrets = servers.site.state / "secrets"
        secrets.symlink_to(folder / "console" / "state" / "secrets")
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
    with _with_half("bad", world):
        found = _waited(world, "HighErrorRate")
    evidence = Evidence.model_validate(found["evidence"])
    assert evidence.missing == []
    assert evidence.took_seconds < 8
    assert evidence.services == ["orders"]

    assert evidence.figure is not None
    assert evidence.figure.unit == "ratio"
    assert 0.144 < evidence.figure.value < 0.6
    assert evidence.figure.limit == pytest.approx(14.4 * 0.01)  # the fast tier's share of a budget
    course = [value for _, value in evidence.figure.points]
    assert len(course) >= 5
    assert course[0] == 0, "what it was before"
    assert "<polyline" in svg(evidence.figure)

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


def test_an_alert_on_log_lines_has_its_figure_too(world: World) -> None:
    """Loki's own link says what its rule measures, and Loki is asked for it."""
    with _with_half("odd", world):  # failures would be told by the page alone
        found = _waited(world, "ErrorLogBurst")
    figure = Evidence.model_validate(found["evidence"]).figure
    assert figure is not None
    assert (figure.unit, figure.limit_text) == ("number", "20")
    assert figure.value > 20
    assert figure.points


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (
            {"alertname": "ConsumerStalled", QUEUE: "shipments", "service_name": "nobody"},
            {"POST /shipments"},
        ),
        ({"alertname": "TierDown", "service_name": "demo"}, {"GET /orders/{order_id}"}),
    ],
    ids=["a queue that nobody works off", "a whole namespace"],
)
async def test_services_are_found_where_the_label_names_none(
    world: World, labels: dict[str, str], expected: set[str]
) -> None:
    """Whoever knows the queue, with what they published; whoever runs in the namespace."""
    labels |= {"service_namespace": "demo", "deployment_environment_name": "test"}
    now = datetime.now(UTC)
    given = alert(labels=labels, startsAt=now.isoformat())
    for _ in range(3):
        world.servers.http.post(f"{world.app}/shipments").raise_for_status()
    store = Store(world.state / "elsewhere.db")
    [one] = store.record(Webhook.model_validate(webhook(given)).alerts, now)
    store.close()
    settings = Settings(state_dir=world.state)
    names: set[str] = set()
    async with Backends(settings) as backends, asyncio.timeout(60):
        while not names & expected:  # spans and scrapes are on their way
            found = await gather(one, backends.asking(), places(settings))
            names |= {trace.name for trace in found.traces}
    assert found.services == ["orders"]
    assert found.ways.traces is not None
    assert "service=orders" in found.ways.traces


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


def _waited(world: World, name: str) -> dict[str, Any]:
    found = world.servers.until(
        lambda: world.incident(name), within=120, what=f"evidence of {name}"
    )
    assert found is not None
    return found


@contextmanager
def _with_half(kind: str, world: World) -> Iterator[None]:
    """Requests, half of which are of a kind once the rules have seen a while of good ones."""
    begun, stop = threading.Event(), threading.Event()

    def feed() -> None:
        while not stop.is_set():
            world.ask("good", *([kind] if begun.is_set() else []))
            stop.wait(0.5)

    feeding = threading.Thread(target=feed)
    feeding.start()
    try:
        world.servers.until(lambda: world.known_for(20), within=120, what="traffic without errors")
        begun.set()
        yield
    finally:
        stop.set()
        feeding.join()


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
