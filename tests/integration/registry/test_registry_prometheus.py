"""Prometheus finds its targets in a registry, by the very files that containers mount."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from services.kit.registry import Announcement, Registration, registry_for
from tests.support import consul, eureka
from tests.support.ports import free_port
from tests.support.real_servers import executable

_FILES = Path(__file__).parents[3] / "deploy" / "compose" / "registry"
_INSTANCE = """
import sys, http.server
class Instance(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"sample_of_the_instance 1\\n" if self.path == "/metrics" else b"{}")
    def log_message(self, *arguments): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Instance).serve_forever()
"""
#: How each kind's file says where the registry is.
_SERVERS = {"consul": "consul:8500", "eureka": "http://eureka:8761/eureka"}

Targets = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Prometheus:
    """A real one that asks a registry."""

    http: httpx.AsyncClient

    async def targets(self) -> Targets:
        """Active targets by their `instance`."""
        try:
            answer = await self.http.get("/api/v1/targets", params={"state": "active"})
        except httpx.HTTPError:  # it is not up yet
            return {}
        active = answer.json()["data"]["activeTargets"]
        return {one["labels"]["instance"]: one for one in active}

    async def until(self, expected: Callable[[Targets], bool], within: float) -> None:
        """Wait until the targets are as expected."""
        deadline = time.monotonic() + within
        while not expected(found := await self.targets()):
            assert time.monotonic() < deadline, json.dumps(found, indent=1)
            await asyncio.sleep(0.2)


@pytest.fixture(scope="module", params=["consul", "eureka"])
def registry_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A registry of each kind: the one that the environment names, else one of the tests' own."""
    kind: str = request.param
    given = urlsplit(os.environ.get(f"BELFRY_TEST_{kind.upper()}_URL", ""))
    if given.netloc:
        yield f"{kind}://{given.netloc}{given.path}"
        return
    with {"consul": consul.running, "eureka": eureka.running}[kind](free_port()) as url:
        yield url


@pytest.fixture
def prometheus_url(registry_url: str, tmp_path: Path) -> Iterator[str]:
    """Prometheus with the kind's file, the registry's address the only thing that differs."""
    parts = urlsplit(registry_url)
    kind = parts.scheme
    address = parts.netloc if kind == "consul" else f"http://{parts.netloc}{parts.path}"
    text = (_FILES / kind / "services.yml").read_text()
    assert text.count(_SERVERS[kind]) == 1
    (tmp_path / "services.yml").write_text(text.replace(_SERVERS[kind], address))
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_config_files": ["services.yml"],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    options = [
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([executable("prometheus"), *options], stdout=log, stderr=log)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(timeout=15)


@pytest.fixture
async def prometheus(prometheus_url: str) -> AsyncIterator[Prometheus]:
    """The same, to be asked."""
    async with httpx.AsyncClient(base_url=prometheus_url, trust_env=False) as http:
        yield Prometheus(http)


@pytest.fixture
def instances() -> Iterator[list[Registration]]:
    """Two replicas of `worker`, each a process with a metrics page."""
    with ExitStack() as running:
        replicas = []
        for number in (1, 2):
            port = free_port()
            process = subprocess.Popen([sys.executable, "-c", _INSTANCE, str(port)])
            running.callback(process.wait)
            running.callback(process.kill)
            replicas.append(Registration("worker", f"worker-{number}", "127.0.0.1", port, "0"))
        yield replicas


async def test_what_is_registered_is_scraped_with_the_labels_of_all_signals(
    prometheus: Prometheus, registry_url: str, instances: list[Registration]
) -> None:
    """Each instance is one target, named as it names itself; one that leaves is none any more."""
    one, two = instances
    async with Announcement(registry_for(registry_url), one):
        async with Announcement(registry_for(registry_url), two):
            await prometheus.until(_both_up, within=60)
            found = await prometheus.targets()
        await prometheus.until(lambda found: set(found) == {"worker-1"}, within=60)

    assert {name: one["labels"] for name, one in found.items()} == {
        instance: {
            "job": "services",
            "instance": instance,
            "service_name": "worker",
            "service_namespace": "shop",
            "deployment_environment_name": "compose",
        }
        for instance in ("worker-1", "worker-2")
    }
    assert found["worker-1"]["scrapeUrl"] == f"{one.url}/metrics"


def _both_up(targets: Targets) -> bool:
    return [one["health"] for one in targets.values()] == ["up", "up"]
