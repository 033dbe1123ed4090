"""`belfry verify`: green while all is well, red with the places when anything is not."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from observability.backends import grafana
from tests.support import grafana as stand_in
from tests.support.ports import free_port
from tests.support.shopper import Shopper
from tests.support.stack import Stack
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
#: A service like that of the tutorial, but for its log records: from the second start on they lose
#: the trace.
FORGETFUL = """
import os
from fastapi import FastAPI
from opentelemetry.trace import INVALID_SPAN_CONTEXT
from observability import instrument

app = FastAPI()
queue = instrument(app, service_name="forgetful").logs
put = queue.put
if os.environ.get("FORGETS"):
    queue.put = lambda entry: put(entry._replace(context=INVALID_SPAN_CONTEXT))
"""


def verify(stack: Stack, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and misses of `belfry verify`."""
    done = stack.belfry("verify", "--json", *arguments, timeout=300)
    assert done.returncode in {0, 1}, done.stderr
    found = json.loads(done.stdout)
    assert found["holds"] == (done.returncode == 0)
    return done.returncode, [one for one in found["findings"] if not one["ok"]]


@contextmanager
def process(*command: str, cwd: Path, env: dict[str, str]) -> Iterator[None]:
    """A process that is ended afterwards."""
    running = subprocess.Popen(
        [sys.executable, *command],
        cwd=cwd,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        running.terminate()
        running.wait(timeout=30)


@pytest.fixture(scope="module")
def green(stack: Stack) -> None:
    """Everything holds, under traffic of its own; the rest of the tests breaks one thing each."""
    code, missed = verify(stack)
    assert missed == []
    assert code == 0


@pytest.mark.usefixtures("green")
def test_a_renamed_metric_is_named_with_all_its_places(stack: Stack, tmp_path: Path) -> None:
    """In whichever file the old name stands: here a dashboard's, changed in a copy."""
    shutil.copytree(ROOT / "dashboards", tmp_path / "dashboards")
    for path in (tmp_path / "dashboards").glob("*.json"):
        text = path.read_text("utf-8").replace("shop_orders_total", "shop_orders_made_total")
        path.write_text(text, "utf-8")

    code, missed = verify(stack, "--no-traffic", f"--files={tmp_path}")

    assert code == 1
    [metric] = [one for one in missed if one["check"] == "contract"]
    assert metric["subject"] == "metric shop_orders_made_total"
    assert any(one.startswith("dashboards/shop-overview.json: panel") for one in metric["places"])


def test_a_broken_link_between_data_sources_is_named(stack: Stack, tmp_path: Path) -> None:
    """A log line that would lead to a data source that there is not, a span to no figures."""
    shutil.copytree(grafana.PROVISIONING, tmp_path / "provisioning")
    file = tmp_path / "provisioning/datasources/belfry.yaml"
    text = file.read_text("utf-8")
    derived = text.index("derivedFields")
    broken = text[derived:].replace("datasourceUid: jaeger", "datasourceUid: tempo", 1)
    broken = broken.replace("python_event_loop_lag_seconds_bucket", "python_lag_seconds_bucket")
    file.write_text(text[:derived] + broken, "utf-8")

    code, missed = verify(stack, "--no-traffic", f"--files={tmp_path}")

    assert code == 1
    assert {one["subject"] for one in missed} >= {
        "Grafana: log line → trace",
        "Grafana: span → metrics: cart",
        "metric python_lag_seconds_bucket",
    }


@pytest.mark.usefixtures("green")
def test_a_way_that_leads_nowhere_is_named(stack: Stack, tmp_path: Path) -> None:
    """From an alert to a dashboard without panels; from the map, whose nodes have no link."""
    shutil.copytree(ROOT / "dashboards", tmp_path / "dashboards")
    runtime, flow = (tmp_path / f"dashboards/{name}.json" for name in ("runtime", "request-flow"))
    board = json.loads(runtime.read_text("utf-8")) | {"panels": []}
    runtime.write_text(json.dumps(board), "utf-8")
    flow.write_text(flow.read_text("utf-8").replace("var-service=${__value.raw}", ""), "utf-8")

    code, missed = verify(stack, "--no-traffic", f"--files={tmp_path}")

    assert code == 1
    assert {one["subject"] for one in missed} >= {
        "alert → dashboard → trace and logs: EventLoopBlocked",
        "map node → dashboard: cart",
    }


def test_log_lines_without_trace_id_are_noticed(stack: Stack, tmp_path: Path) -> None:
    """Of a service whose records lost it a moment ago: what it wrote before is no excuse."""
    (tmp_path / "forgetful.py").write_text(FORGETFUL, "utf-8")
    port = free_port()
    target = {
        "targets": [f"127.0.0.1:{port}"],
        "labels": {
            "job": "services",
            "service_name": "forgetful",
            "service_namespace": "shop",
            "deployment_environment_name": "local",
            "instance": "forgetful-1",
        },
    }
    targets = stack.state / "targets" / "services-forgetful.json"
    env = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.url("collector")}
    command = ("-m", "uvicorn", "forgetful:app", f"--port={port}")
    targets.write_text(json.dumps([target]), "utf-8")
    try:
        for forgets in ("", "yes"):
            with process(*command, cwd=tmp_path, env=env | {"FORGETS": forgets}):
                eventually(lambda: _answers(port), within=40, what="the service answers")
                url = f"http://127.0.0.1:{port}"
                code, missed = verify(stack, "--service=forgetful", f"--url={url}")
            assert code == bool(forgets), missed
    finally:
        targets.unlink()

    assert {one["subject"] for one in missed} >= {
        "trace → logs: forgetful",
        "logs → trace: forgetful",
        "request lines of forgetful",
    }


def test_a_queue_that_loses_the_trace_is_named(stack: Stack, shopper: Shopper) -> None:
    """A second worker that does not take up the context: its spans have no producer."""
    worker = next(one for one in stack.status() if one["name"] == "worker")
    env = psutil.Process(worker["pid"]).environ() | {"OTEL_PROPAGATORS": "none"}
    port = free_port()
    command = ("-m", "uvicorn", "services.worker.app:app", f"--port={port}")
    with process(*command, cwd=ROOT, env=env):
        eventually(lambda: _answers(port), within=40, what="the second worker answers")
        for _ in range(5):
            shopper.wait_until(shopper.buy().order["id"], "shipped", within=60)
        code, missed = verify(stack, "--no-traffic")

    assert code == 1
    broken = [one for one in missed if one["subject"].startswith("queue in one trace")]
    assert broken
    assert all("has no producer" in one["detail"] for one in broken)


@pytest.fixture
def grafana_url(stack: Stack) -> Iterator[str]:
    """A real Grafana that reads this stack where one is named, else the stand-in."""
    if named := os.environ.get("GRAFANA_URL"):
        yield named
        return
    urls = {kind: stack.url(kind) for kind in ("prometheus", "loki", "jaeger")}
    with stand_in.served(
        stand_in.create_app(ROOT / "dashboards", grafana.PROVISIONING, urls)
    ) as url:
        yield url


def test_grafana_is_looked_at_where_there_is_one(stack: Stack, grafana_url: str) -> None:
    """Health, data sources, dashboards as in their files, each panel by Grafana's own API."""
    environment = stack.environment | {"GRAFANA_URL": grafana_url}
    stack.belfry("load", "--users=4", "--duration=20")
    done = subprocess.run(
        [sys.executable, "-m", "observability.cli", "verify", "--json", "--no-traffic"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    findings = [one for one in json.loads(done.stdout)["findings"] if one["check"] == "grafana"]
    assert [one for one in findings if not one["ok"]] == []
    assert len(findings) > 100


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/livez").status_code < 500
    except httpx.HTTPError:
        return False
