"""Which rules the servers load, and how long they keep what they get, by the profile."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from observability.backends.model import PROFILES
from tests.support.real_servers import RealServers

pytestmark = pytest.mark.timeout(1800)  # the first run ever builds the servers


@pytest.fixture(scope="module", params=["demo", "production"])
def profile(request: pytest.FixtureRequest) -> str:
    """Each profile in turn."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def servers(profile: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServers]:
    """Those that a profile concerns."""
    made = RealServers(tmp_path_factory.mktemp(profile) / "state")
    made.site = replace(made.site, profile=PROFILES / profile)
    try:
        for name in ("prometheus", "loki", "jaeger"):
            made.start(name)
        yield made
    finally:
        made.__exit__()


def test_prometheus_keeps_metrics_as_long_as_the_profile_says(
    servers: RealServers, profile: str
) -> None:
    """Flags come from the profile's file."""
    flags = servers.get("prometheus", "/api/v1/status/flags")["data"]
    expected = {"demo": ("2d", "1GiB"), "production": ("5w", "50GiB")}
    kept = flags["storage.tsdb.retention.time"], flags["storage.tsdb.retention.size"]
    assert kept == expected[profile]


def test_prometheus_loads_the_rules_of_the_profile(servers: RealServers, profile: str) -> None:
    """And no others."""
    groups = servers.get("prometheus", "/api/v1/rules")["data"]["groups"]
    folder = PROFILES / profile / "rules"
    assert {Path(group["file"]).name for group in groups} == {
        path.name for path in folder.glob("*.yml")
    }
    paging = next(group for group in groups if group["name"] == "services")
    written = yaml.safe_load((folder / "services.yml").read_text())["groups"][0]["interval"]
    assert f"{paging['interval']:g}s" == written


def test_loki_loads_the_rules_of_the_profile_and_keeps_logs_as_long_as_it_says(
    servers: RealServers, profile: str
) -> None:
    """A demonstration looks back a minute, production five."""
    (group,) = servers.get("loki", "/prometheus/api/v1/rules")["data"]["groups"]
    folder = PROFILES / profile / "log_rules"
    written = yaml.safe_load((folder / "logs.yml").read_text())["groups"][0]
    assert [rule["name"] for rule in group["rules"]] == [one["alert"] for one in written["rules"]]
    assert f"{group['interval']:g}s" == written["interval"]
    config = yaml.safe_load(servers.http.get(servers.site.url("loki") + "/config").text)
    kept = {"demo": "2d", "production": "2w"}[profile]
    assert config["limits_config"]["retention_period"] == kept
