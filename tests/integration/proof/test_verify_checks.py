"""Each check of `belfry verify` can fail: what is missing on a real Prometheus is named."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI, HTTPException, Response
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from observability.alerting.inbox import Inbox, router
from observability.alerting.notifications import Store
from observability.alerting.watchdog import SILENT_AFTER
from observability.backends import grafana
from observability.proof.verify import budget, contract, edges, heartbeat, plan, traffic
from observability.proof.verify.files import Files
from observability.proof.verify.finding import Finding
from observability.proof.verify.live import Live, connected
from observability.settings import Settings
from tests.support.grafana import create_app, served
from tests.support.real_servers import RealServers

pytestmark = pytest.mark.timeout(1800)  # the first run ever builds the servers

ROOT = Path(__file__).parents[3]
CONFIG = '[services.checkout]\napp = "some.app:app"\nport = 8004\n'
RULES = """
groups:
  - name: some
    rules:
      - {alert: Broken, expr: max by (chain) (audit_chain_breaks) > 0}
"""
PAGE = "# Some\n`some_things_total`, `some_seconds`, `nowhere_total` and `audit_chain_depth`\n"


def _service() -> FastAPI:
    """Publishes to a queue that nobody works off; a gauge of it has a new name."""
    app, known = FastAPI(), CollectorRegistry()
    by = ["messaging_destination_name"]
    published = Counter("messaging_publish", "x", by, registry=known).labels("orders")
    Gauge("messaging_queue_depth", "x", by, registry=known).labels("orders").set(3)
    Gauge("audit_chain_breaks_total", "x", ["chain"], registry=known).labels("one").set(0)
    Gauge("some_things_total", "x", registry=known)
    Gauge("some_seconds_sum", "x", registry=known)

    @app.get("/metrics")
    def metrics() -> Response:
        published.inc()
        page: bytes = generate_latest(known)  # type: ignore[no-untyped-call]
        return Response(page, media_type=CONTENT_TYPE_LATEST)

    return app


@dataclass(frozen=True)
class Site:
    """Settings of a stack that is a Prometheus alone, and what is written down about it."""

    settings: Settings
    files: Files

    def misses(self, check: Callable[[Live], Awaitable[list[Finding]]]) -> dict[str, str]:
        """Subjects of a check that do not hold, each with its detail."""

        async def look() -> list[Finding]:
            async with connected(self.settings, self.files) as live:
                return await check(live)

        return {one.subject: one.detail for one in asyncio.run(look()) if not one.ok}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Prometheus has seen the service publish."""
    folder = tmp_path_factory.mktemp("verify")
    servers = RealServers(folder / "state")
    with served(_service()) as url:
        labels = {"job": "services", "service_name": "publisher", "instance": "publisher-1"}
        target = {"targets": [url.removeprefix("http://")], "labels": labels}
        (folder / "state/targets/services.json").write_text(json.dumps([target]))
        servers.start("prometheus")
        servers.until(
            lambda: servers.get(
                "prometheus", "/api/v1/query", query="increase(messaging_publish_total[1m]) > 0"
            )["data"]["result"],
            within=30,
            what="a rise",
        )
        ports = {name: port for name, port in servers.site.ports.items() if name != "grafana"}
        (folder / "belfry.toml").write_text(CONFIG)
        settings = Settings(state_dir=folder / "state", config=folder / "belfry.toml", ports=ports)
        yield Site(settings, _files(folder))
        servers.stop("prometheus")
        servers.http.close()


def _files(folder: Path) -> Files:
    """One rule, one page and no dashboard."""
    for name in ("dashboards", "rules", "log_rules", "runbooks", "provisioning/datasources"):
        (folder / name).mkdir(parents=True)
    (folder / "rules/some.yml").write_text(RULES)
    (folder / "runbooks/Some.md").write_text(PAGE)
    return Files(folder / "dashboards").within(folder)


def test_a_query_names_a_metric_in_full_and_a_page_its_family(site: Site) -> None:
    """With another ending it is another metric: an alert on the old one can never ring."""
    assert site.misses(contract.check).keys() == {
        "metric audit_chain_breaks",
        "metric nowhere_total",
        "metric audit_chain_depth",
    }


def test_services_queues_and_edges_that_are_not_there_are_named(site: Site) -> None:
    """They are known by belfry.toml and the services' own figures, whatever the spans say."""
    missed = site.misses(edges.check)
    assert missed.keys() == {
        "scraped: checkout",
        "queue in one trace: orders",
        "service map has publisher → … by queue",
    }


def test_what_is_not_measured_is_not_within_the_budget(site: Site) -> None:
    """No span metrics and no Loki: their figures are unknown, not 0."""
    missed = site.misses(budget.check)
    assert missed.keys() == {"series made of spans", "log streams"}
    assert all("nothing to be counted" in detail for detail in missed.values())


@pytest.mark.parametrize(("minutes", "whole"), [(0, True), (60, False)])
def test_an_old_heartbeat_is_none(site: Site, tmp_path: Path, minutes: int, whole: bool) -> None:
    """The Watchdog must have arrived lately."""
    store = Store(tmp_path / "inbox.db")
    store.beat("Watchdog", datetime.now(UTC) - minutes * SILENT_AFTER)
    app = FastAPI()
    app.include_router(router(Inbox(store), lambda: "no token"))
    with served(app) as url:
        console = {"console": int(url.rpartition(":")[2])}
        there = Site(Settings(state_dir=tmp_path, ports=console), site.files)
        assert bool(there.misses(heartbeat.check)) is not whole


def test_a_backend_that_fails_while_looked_at_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each check, in one's own traffic and in what is asked for Grafana: never a traceback."""
    monkeypatch.setattr(traffic, "_LOAD", "no such command")
    (tmp_path / "belfry.toml").write_text(CONFIG)
    app = FastAPI()

    @app.get("/api/v1/query")
    def query(query: str) -> dict[str, object]:
        if query != "vector(1)":
            raise HTTPException(503, "shutting down")
        return {"data": {"resultType": "scalar", "result": [0, "1"]}}

    def found(*, own_traffic: bool) -> dict[str, str]:
        files = Files.of(Settings(config=ROOT / "belfry.toml"))
        findings = asyncio.run(plan.whole(settings, files, own_traffic=own_traffic))
        return {one.check: one.detail for one in findings if one.subject.startswith("could not")}

    boards = create_app(ROOT / "dashboards", grafana.PROVISIONING, {})
    with served(app) as url, served(boards) as grafana_url:
        settings = Settings(
            state_dir=tmp_path,
            config=tmp_path / "belfry.toml",
            ports={"prometheus": int(url.rpartition(":")[2])},
            grafana_url=grafana_url,
        )
        assert "shutting down" in found(own_traffic=True)["traffic"]
        assert {"contract", "hops", "edges", "grafana"} <= found(own_traffic=False).keys()
