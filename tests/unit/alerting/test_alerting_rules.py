"""Every rule: generated from the catalogue, proven by promtool in both directions, well said."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.alerting import generate
from observability.alerting.catalogue import GROUPS
from observability.alerting.profiles import PROFILES
from observability.alerting.spec import Alert, Severity
from tests.support import log_rules
from tests.support.promtool import run
from tests.unit.alerting.breaking import CASES

ROOT = Path(__file__).parents[3]
METRIC_GROUPS = [group for group in GROUPS if group.source == "metrics"]
ALERTS = [
    pytest.param(alert, id=f"{profile.name}-{alert.name}")
    for profile in PROFILES
    for group in GROUPS
    for alert in group.alerts(profile)
]
NAMES = [alert.name for group in METRIC_GROUPS for alert in group.alerts(PROFILES[0])]
LOG_NAMES = [
    alert.name for group in GROUPS if group.source == "logs" for alert in group.alerts(PROFILES[0])
]


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_rules_fire_when_they_should_and_only_then(case: Path) -> None:
    """promtool agrees with every expectation: labels, annotations, boundaries."""
    done = run("test", "rules", case)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_rules_of_every_profile_are_valid(profile: Any) -> None:
    """Prometheus accepts the files of each profile."""
    files = [
        path
        for path, text in generate.rendered().items()
        if f"Profile: {profile.name}" in text and generate.RULES in path.parents
    ]
    assert len(files) == len(METRIC_GROUPS)
    done = run("check", "rules", "--lint=all", "--lint-fatal", *files)
    assert done.returncode == 0, done.stdout


def test_the_committed_files_are_those_of_the_catalogue() -> None:
    """`python -m observability.alerting` would change nothing."""
    assert generate.FILES.outdated() == []


def expectations() -> dict[str, list[int]]:
    """For each alert, how many alerts each of its test cases expects."""
    counts: dict[str, list[int]] = {}
    for case in CASES:
        for test in yaml.safe_load(case.read_text(encoding="utf-8"))["tests"]:
            for rule_test in test.get("alert_rule_test", []):
                expected = len(rule_test.get("exp_alerts") or [])
                counts.setdefault(rule_test["alertname"], []).append(expected)
    return counts


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_is_tested_in_both_directions(name: str) -> None:
    """A test in which it fires and one in which it does not (Watchdog never rests)."""
    counts = expectations().get(name, [])
    assert any(counts), f"no test in which {name} fires"
    assert 0 in counts or name == "Watchdog", f"no test in which {name} does not fire"


@pytest.mark.parametrize("name", LOG_NAMES)
def test_every_log_rule_is_tested_in_both_directions(name: str) -> None:
    """By a case that is quiet at the limit and rings one line beyond it, on a real Loki."""
    cases = [case for case in log_rules.CASES if case.alert == name]
    assert any(case.last and case.quiet for case in cases)


def test_names_are_unique() -> None:
    """Two alerts of one name could not be told apart."""
    assert len({*NAMES, *LOG_NAMES}) == len(NAMES) + len(LOG_NAMES)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_rule_says_what_a_person_needs(alert: Alert) -> None:
    """A short summary and a longer description with real values."""
    assert len(alert.summary.split("{{")[0]) < 80
    assert alert.description.endswith((".", "{{ end }}"))
    assert len(alert.description) > len(alert.summary)
    if alert.severity is not Severity.NONE and alert.name not in ("NoTargets", "BackendDown"):
        assert "{{ $" in alert.description


@pytest.mark.parametrize("alert", ALERTS)
def test_every_rule_names_a_service(alert: Alert) -> None:
    """By its expression or by itself: it groups, inhibits and finds evidence."""
    assert "service_name" in alert.labels or re.search(
        r"service_name|\bservice_ready|\bcache_shared|process_start_time|slo:|queue:|dependency:"
        r"|service:|\bup\{|process_resident",
        alert.expr,
    )


@pytest.mark.parametrize("alert", ALERTS)
def test_every_dashboard_link_leads_to_a_dashboard_and_a_time(alert: Alert) -> None:
    """The dashboard exists, and so does each variable that the link fills."""
    text = (ROOT / "dashboards" / f"{alert.dashboard}.json").read_text(encoding="utf-8")
    board = yaml.safe_load(text)
    assert board["uid"] == alert.dashboard
    assert set(alert.variables) <= {one["name"] for one in board["templating"]["list"]}
    assert alert.dashboard_link.endswith("from=now-15m&to=now")
