"""From a target that goes down to the inbox: real Prometheus, Alertmanager and console.

The rules and both configurations are the project's own; only waits are shortened.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIServer

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from observability.alerting import generate
from observability.backends import prometheus
from tests.integration.alerting.processes import Process, alertmanager, console, server
from tests.support.ports import free_port
from tests.support.waiting import eventually


class Target:
    """A process that is scraped, and can go away and come back on the same port."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        Gauge("alive", "Whether it is.", registry=registry).set(1)
        self._registry = registry
        self.port = free_port()
        self._server: WSGIServer | None = None
        self.start()

    def start(self) -> None:
        """Answer scrapes."""
        self._server, self._thread = start_http_server(
            self.port, "127.0.0.1", registry=self._registry
        )

    def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None


class Way:
    """The whole way of an alert, and what came out at its end."""

    def __init__(
        self, target: Target, url: str, prometheus_url: str, environment: dict[str, str]
    ) -> None:
        self.target = target
        self.url = url
        self._prometheus = prometheus_url
        self._environment = environment

    def wait_until_scraped(self) -> None:
        """Until Prometheus has seen the target up: what is down later was up before."""
        ask = {"query": 'up{job="services"} == 1'}

        def seen() -> bool:
            answer = httpx.get(f"{self._prometheus}/api/v1/query", params=ask).json()
            return bool(answer["data"]["result"])

        eventually(seen, within=60, what="a scrape of the target")

    def alerts(self, *arguments: str) -> list[dict[str, Any]]:
        """What `belfry alerts --json` prints."""
        done = subprocess.run(
            [sys.executable, "-m", "observability.cli", "alerts", "--json", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def wait_for(self, status: str, within: float) -> dict[str, Any]:
        """The first notification of that status that the service is down, as the inbox has it."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            found = httpx.get(f"{self.url}/api/inbox").json()
            for one in found:
                if one["name"] == "ServiceDown" and one["status"] == status:
                    return dict(one)
            time.sleep(0.2)
        pytest.fail(f"no {status} notification within {within} s: {found}")


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    """Target → Prometheus → Alertmanager → console, all of them running."""
    target = Target()
    ports = {name: free_port() for name in ("console", "alertmanager", "prometheus")}
    folders = {name: tmp_path / name for name in ports}
    for folder in folders.values():
        folder.mkdir()
    started: list[Process] = []
    try:
        started.append(console(folders["console"], ports["console"]))
        started.append(
            alertmanager(folders["alertmanager"], ports["alertmanager"], ports["console"])
        )
        started.append(_prometheus(folders["prometheus"], ports, target.port))
        environment = dict(os.environ) | {
            "BELFRY_STATE_DIR": str(tmp_path / "none"),
            "BELFRY_PORT_CONSOLE": str(ports["console"]),
        }
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        yield Way(target, urls["console"], urls["prometheus"], environment)
    finally:
        for process in reversed(started):
            with suppress(subprocess.TimeoutExpired):
                process.stop()
        target.stop()


def _prometheus(folder: Path, ports: dict[str, int], target: int) -> Process:
    text = prometheus.CONFIG.read_text(encoding="utf-8")
    text = re.sub(r"(scrape_interval|evaluation_interval|scrape_timeout): \ds", r"\1: 1s", text)
    (folder / "prometheus.yml").write_text(text)
    (folder / "rules").mkdir()
    for rules in generate.RULES.glob("*.yml"):
        quick = re.sub(r"interval: 5s", "interval: 1s", rules.read_text(encoding="utf-8"))
        if rules.name == "services.yml":  # other alerts keep the wait that a start needs
            quick = re.sub(r"for: \d+s", "for: 2s", quick)
        (folder / "rules" / rules.name).write_text(quick)
    (folder / "targets").mkdir()
    identity = {
        "service_name": "hello",
        "service_namespace": "demo",
        "deployment_environment_name": "test",
        "instance": "hello-1",
    }
    _target(folder / "targets/services.json", target, identity)
    _target(folder / "targets/alertmanager.json", ports["alertmanager"], {})
    address = f"127.0.0.1:{ports['prometheus']}"
    return Process(
        server("prometheus", "prometheus"),
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address={address}",
        folder=folder,
        ready=f"http://{address}/-/ready",
    )


def _target(file: Path, port: int, labels: dict[str, str]) -> None:
    file.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"], "labels": labels}]))


@pytest.mark.timeout(180)
def test_a_service_that_goes_down_rings_and_its_return_is_told(way: Way) -> None:
    """ServiceDown arrives, with its texts filled in; then its end, by API and by command."""
    way.wait_until_scraped()
    assert way.alerts() == []
    way.target.stop()
    firing = way.wait_for("firing", within=60)
    assert firing["labels"] == {
        "alertname": "ServiceDown",
        "severity": "critical",
        "team": "services",
        "service_name": "hello",
        "service_namespace": "demo",
        "deployment_environment_name": "test",
    }
    assert firing["summary"] == "hello is down"
    assert "ServiceDown" in {one["name"] for one in way.alerts("--status", "firing")}

    way.target.start()
    resolved = way.wait_for("resolved", within=40)
    assert resolved["fingerprint"] == firing["fingerprint"]
    assert resolved["ends_at"] > resolved["starts_at"] == firing["starts_at"]
    told = [one["status"] for one in way.alerts() if one["name"] == "ServiceDown"]
    assert told == ["firing", "resolved"]

    beats = httpx.get(f"{way.url}/api/inbox/heartbeats").json()
    assert [beat["name"] for beat in beats] == ["Watchdog"]
