"""Where each alert goes: amtool on the project's configuration, for every alert there is."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from observability.alerting.catalogue import GROUPS
from observability.alerting.own_alerts import OWN_ALERTS
from observability.alerting.profiles import DEMO
from observability.alerting.spec import Alert, Severity
from observability.backends import alertmanager
from observability.settings import Settings

ALERTS = [alert for group in GROUPS for alert in group.alerts(DEMO)]
CONFIG = yaml.safe_load(alertmanager.CONFIG.read_text(encoding="utf-8"))
NAMES = {alert.name for alert in ALERTS}


def amtool(*arguments: str | Path) -> str:
    """What amtool, on PATH or built, prints; its failure fails the test."""
    built = sorted(Settings().cache_dir.glob("bin/alertmanager-*/amtool"))
    found = shutil.which("amtool") or (str(built[-1]) if built else None)
    if found is None:
        pytest.fail("amtool is neither on PATH nor built: run `make build` or `belfry up`")
    done = subprocess.run(
        [found, *(str(part) for part in arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ.get("PATH", os.defpath)},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def route(**labels: str) -> str:
    """The tree of routes that an alert of these labels takes."""
    given = [f"{name}={value}" for name, value in labels.items()]
    config = f"--config.file={alertmanager.CONFIG}"
    return amtool("config", "routes", "test", "--tree", "--verify.receivers=inbox", config, *given)


def labels(alert: Alert) -> dict[str, str]:
    """What routing can tell it by."""
    return {
        "alertname": alert.name,
        "severity": str(alert.severity),
        "team": str(alert.team),
        "service_name": "checkout",
        "service_namespace": "shop",
        "deployment_environment_name": "local",
    }


def test_alertmanager_accepts_the_configuration() -> None:
    """As it is in the repository."""
    assert "SUCCESS" in amtool("check-config", alertmanager.CONFIG)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_takes_the_route_of_its_kind(alert: Alert) -> None:
    """All reach the inbox; heartbeats, attacks, pages and tickets by a route of their own."""
    taken = route(**labels(alert))
    if alert.severity is Severity.NONE:
        assert '{alertname="Watchdog"}' in taken
    elif alert.team == "security":
        assert '{team="security"}' in taken
    else:
        assert f'{{severity="{alert.severity}"}}' in taken


def test_a_staging_ticket_takes_the_route_with_office_hours() -> None:
    """The example of mute times; a page does not take it."""
    staging = {"deployment_environment_name": "staging"}
    assert 'deployment_environment_name="staging"' in route(severity="warning", **staging)
    assert 'deployment_environment_name="staging"' not in route(severity="critical", **staging)


def test_inhibitions_name_alerts_that_exist() -> None:
    """A renamed alert would silence nothing, and nobody would notice."""
    for rule in CONFIG["inhibit_rules"]:
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]:
            name, _, value = matcher.replace("=~", "=").replace("!=", "=").partition(" = ")
            if name == "alertname":
                assert set(value.strip('"').split("|")) <= NAMES, matcher


def test_what_tells_of_an_attack_is_never_held_back() -> None:
    """Nor is the heartbeat, nor what the inbox tells itself."""
    never = {alert.name for alert in ALERTS if alert.team == "security"} | {"Watchdog"}
    never |= {alert.name for alert in OWN_ALERTS}
    for rule in CONFIG["inhibit_rules"]:
        targets = " ".join(rule["target_matchers"])
        assert 'team != "security"' in targets or not any(name in targets for name in never)


def test_a_page_is_repeated_sooner_than_a_ticket() -> None:
    """And the heartbeat soonest: its silence must be noticed within minutes."""
    repeats = {
        " ".join(one["matchers"]): one.get("repeat_interval", CONFIG["route"]["repeat_interval"])
        for one in CONFIG["route"]["routes"]
    }
    assert repeats['alertname = "Watchdog"'] == "1m"
    assert repeats['severity = "critical"'] == "1h"
    assert repeats['severity = "warning"'] == "12h"
