"""Each server's own checker finds its configuration file valid, with no variable set."""

import os
import subprocess
from pathlib import Path

import pytest

from observability.backends import BACKENDS, DEFAULT_PORTS, Site
from observability.backends.alertmanager import CONFIG as ALERTMANAGER
from observability.backends.collector import CONFIG as COLLECTOR
from observability.backends.jaeger import CONFIG as JAEGER
from observability.backends.loki import CONFIG as LOKI
from observability.backends.model import PROFILES
from tests.support.real_servers import executable, tool

pytestmark = pytest.mark.timeout(1800)  # the first run ever builds the servers


def check(*command: str | Path, **variables: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    done = subprocess.run(
        [str(part) for part in command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(params=["demo", "production"])
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    site = Site(state=tmp_path, ports=DEFAULT_PORTS, profile=PROFILES / request.param)
    (tmp_path / "targets").mkdir()
    for name in ("services.json", "backends.json", "alertmanager.json"):
        (tmp_path / "targets" / name).write_text("[]")
    for backend in BACKENDS.values():
        backend.prepare(site)
    return site


def test_promtool_accepts_the_configuration_with_the_rules(site: Site) -> None:
    config = site.config("prometheus") / "prometheus.yml"
    said = check(tool("prometheus", "promtool"), "check", "config", config)
    assert "WARNING" not in said
    assert "FAILED" not in said
    rules = [path.name for path in site.rules.glob("*.yml")]
    assert rules
    for rule in rules:
        assert f"rules/{rule}" in said


def test_amtool_accepts_the_configuration() -> None:
    said = check(tool("alertmanager", "amtool"), "check-config", ALERTMANAGER)
    assert "SUCCESS" in said


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [("alertname=ServiceDown service_name=cart severity=critical", "inbox")],
)
def test_amtool_routes_alerts_to_the_inbox(labels: str, receiver: str) -> None:
    amtool = tool("alertmanager", "amtool")
    said = check(
        *(amtool, "config", "routes", "test", f"--config.file={ALERTMANAGER}"), *labels.split()
    )
    assert said.strip() == receiver


def test_loki_accepts_the_configuration(tmp_path: Path) -> None:
    options = ["-config.expand-env=true", "-verify-config"]
    check(executable("loki"), f"-config.file={LOKI}", *options, LOKI_DATA=str(tmp_path))


def test_jaeger_accepts_the_configuration(tmp_path: Path) -> None:
    check(executable("jaeger"), "validate", f"--config=file:{JAEGER}", JAEGER_DATA=str(tmp_path))


def test_the_collector_accepts_the_configuration(tmp_path: Path) -> None:
    check(
        *(executable("collector"), "validate", f"--config={COLLECTOR}"),
        COLLECTOR_DATA=str(tmp_path / "queue"),
    )
