"""Deploys as a real Prometheus shows them: seen once, whatever comes and goes meanwhile."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from observability.backends import grafana
from observability.query import Prometheus
from observability.settings import Settings
from observability.stack import deploys
from observability.stack.deploys import Deploy
from tests.support import grafana as stand_in
from tests.support.ports import free_port
from tests.support.real_servers import RealServers
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(1800)  # the first run ever builds the servers

ROOT = Path(__file__).parents[3]


@dataclass
class Replica:
    """A scrape target that says its version and when it started."""

    instance: str
    environment: str = "test"
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        registry = CollectorRegistry()
        self._started = Gauge("process_start_time_seconds", "When.", registry=registry)
        self._info = Gauge("target_info", "What.", ["service_version"], registry=registry)
        self._server, _ = start_http_server(self.port, "127.0.0.1", registry=registry)

    def run(self, version: str, at: float) -> None:
        """Be another process, of this version."""
        self._started.set(at)
        self._info.clear()
        self._info.labels(version).set(1)

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def target(self) -> dict[str, object]:
        """As the supervisor would write it."""
        labels = {
            "service_name": "cart",
            "service_namespace": "shop",
            "deployment_environment_name": self.environment,
            "instance": self.instance,
        }
        return {"targets": [f"127.0.0.1:{self.port}"], "labels": labels}


@pytest.fixture
def replicas() -> Iterator[list[Replica]]:
    """Two of the same service, and one of it in another environment."""
    made = [Replica("cart-1"), Replica("cart-2"), Replica("cart-1", "staging")]
    yield made
    for one in made:
        one.close()


@pytest.fixture
def servers(tmp_path: Path, replicas: list[Replica]) -> Iterator[RealServers]:
    """Prometheus, which scrapes them."""
    made = RealServers(tmp_path / "servers")
    targets = [one.target for one in replicas]
    (made.site.state / "targets" / "services.json").write_text(json.dumps(targets))
    try:
        made.start("prometheus")
        yield made
    finally:
        made.__exit__()


async def looked(servers: RealServers, settings: Settings) -> list[Deploy]:
    """What is new at one look."""
    async with httpx.AsyncClient(base_url=servers.site.url("prometheus")) as http:
        return await deploys.look(settings, Prometheus(http))


async def test_a_version_is_a_deploy_once_in_each_environment(
    servers: RealServers, replicas: list[Replica], tmp_path: Path
) -> None:
    """At the start of its first replica; a hole, a restart and a second replica are none."""
    settings, began = Settings(state_dir=tmp_path), time.time() - 100
    one, two, elsewhere = replicas
    for replica in replicas:
        replica.run("1.0", began)
    scraped(servers, "1.0", 3)

    assert sorted(await looked(servers, settings), key=lambda deploy: deploy.key) == [
        Deploy("cart", "1.0", began, environment="staging"),
        Deploy("cart", "1.0", began, environment="test"),
    ]
    assert await looked(servers, settings) == []

    one.run("2.0", began + 20)
    two.run("2.0", began + 30)
    scraped(servers, "2.0", 2)
    assert await looked(servers, settings) == [
        Deploy("cart", "2.0", began + 20, before="1.0", environment="test")
    ]

    one.run("1.0", began + 40)  # taken back: nothing that was not there before
    elsewhere.run("1.0", began + 50)
    scraped(servers, "1.0", 2)
    assert await looked(servers, settings) == []
    assert [deploy.text for deploy in deploys.read(settings)][-1] == "cart 2.0 deployed"


async def test_deploys_are_marked_in_grafana_once_it_is_there(
    servers: RealServers, replicas: list[Replica], tmp_path: Path
) -> None:
    """What was seen while Grafana was away is marked later, and nothing twice."""
    began = time.time() - 100
    for replica in replicas:
        replica.run("1.0", began)
    scraped(servers, "1.0", 3)
    away = Settings(state_dir=tmp_path, grafana_url=f"http://127.0.0.1:{free_port()}")
    await looked(servers, away)
    assert {one.marked for one in deploys.read(away)} == {False}

    app = stand_in.create_app(ROOT / "dashboards", grafana.PROVISIONING, {})
    with stand_in.served(app) as url:
        there = Settings(state_dir=tmp_path, grafana_url=url)
        for _ in range(2):
            assert await looked(servers, there) == []
        query = {"tags": ["deploy", "cart"]}
        async with httpx.AsyncClient() as http:
            marks = (await http.get(f"{url}/api/annotations", params=query)).json()

    assert {one.marked for one in deploys.read(there)} == {True}
    assert [mark["time"] for mark in marks] == [int(began * 1000)] * 2
    assert {mark["text"] for mark in marks} == {"cart 1.0 deployed"}
    assert {mark["tags"][-1] for mark in marks} == {"staging", "test"}


def scraped(servers: RealServers, version: str, count: int) -> None:
    """Wait until Prometheus has this version of so many replicas."""
    query = f'count(target_info{{service_version="{version}"}})'

    def seen() -> bool:
        found = servers.get("prometheus", "/api/v1/query", query=query)["data"]["result"]
        return bool(found and int(found[0]["value"][1]) == count)

    eventually(seen, within=30, what=f"{count} of {version}")
