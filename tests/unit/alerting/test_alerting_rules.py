"""Every rule: generated from the catalogue, proven by promtool in both directions, well said."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.alerting import generate
from observability.alerting.catalogue import GROUPS
from observability.alerting.profiles import PROFILES
from observability.alerting.spec import Alert, Severity
from observability.settings import Settings

ROOT = Path(__file__).parents[3]
FOLDER = Path(__file__).parent / "rules"
CASES = sorted(FOLDER.glob("*.test.yml"))
METRIC_GROUPS = [group for group in GROUPS if group.source == "metrics"]
ALERTS = [
    pytest.param(alert, id=f"{profile.name}-{alert.name}")
    for profile in PROFILES
    for group in GROUPS
    for alert in group.alerts(profile)
]
NAMES = [alert.name for group in METRIC_GROUPS for alert in group.alerts(PROFILES[0])]


@pytest.fixture(scope="session")
def promtool() -> str:
    """promtool on PATH, else beside the Prometheus that the stack built."""
    built = sorted(Settings().cache_dir.glob("bin/prometheus-*/promtool"))
    found = shutil.which("promtool") or (str(built[-1]) if built else None)
    if found is None:
        pytest.fail("promtool is neither on PATH nor built: run `make build` or `belfry up`")
    return found


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run to the end, output joined."""
    return subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
        env={"PATH": os.environ.get("PATH", os.defpath)},
    )


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_rules_fire_when_they_should_and_only_then(promtool: str, case: Path) -> None:
    """promtool agrees with every expectation: labels, annotations, boundaries."""
    done = run(promtool, "test", "rules", case)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_rules_of_every_profile_are_valid(promtool: str, profile: Any) -> None:
    """Prometheus accepts the files of each profile."""
    files = [
        path
        for path, text in generate.rendered().items()
        if f"Profile: {profile.name}" in text and generate.RULES in path.parents
    ]
    assert len(files) == len(METRIC_GROUPS)
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *files)
    assert done.returncode == 0, done.stdout


def broken(file: str, old: str, new: str, folder: Path) -> Path:
    """The test case of a rule file, moved to where one of its rules is broken."""
    text = (generate.RULES / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    case = FOLDER / file.replace(".yml", ".test.yml")
    moved = folder / case.name
    kept = case.read_text(encoding="utf-8")
    kept = kept.replace(f"../../../../observability/alerting/rules/{file}", file)
    kept = kept.replace("../../../../observability/alerting/rules", str(generate.RULES))
    moved.write_text(kept, encoding="utf-8")
    return moved


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("slo.yml", '"14.4",window="long"} > 14.4', '"14.4",window="long"} > 144'),
        ("slo.yml", '"6",window="short"} > 6', '"6",window="short"} > 0.6'),
        ("slo.yml", ">= 5", ">= 50"),
        ("slo.yml", "for: 4s", "for: 40s"),
        ("slo-tickets.yml", "severity: warning", "severity: critical"),
        ("services.yml", "for: 8s", "for: 80s"),
        ("services.yml", ">= 3", ">= 30"),
        ("services.yml", "severity: critical", "severity: warning"),
        ("services-health.yml", "> 3 *", "> 30 *"),
        ("queues.yml", ">= 3", ">= 30"),
        ("queues-growing.yml", "> 20", "> 200"),
        ("queues-growing.yml", "> 20", "> 2"),
        ("storage.yml", "> 0.25", "> 2.5"),
        ("runtime.yml", "> 0.15", "> 0.015"),
        ("security.yml", "team: security", "team: services"),
        ("deploys.yml", "offset 5m", "offset 50m"),
        ("versions.yml", "> 1", "> 10"),
        ("stack.yml", "docs/runbooks/BackendDown.md", "elsewhere"),
        ("stack-flow.yml", "> 0.5", "> 5"),
    ],
)
def test_a_rule_broken_on_purpose_is_caught(
    promtool: str, tmp_path: Path, file: str, old: str, new: str
) -> None:
    """A threshold ten times off, a longer wait, a wrong label: the unit tests fail."""
    assert run(promtool, "test", "rules", broken(file, old, new, tmp_path)).returncode != 0


def test_the_committed_files_are_those_of_the_catalogue() -> None:
    """`python -m observability.alerting` would change nothing."""
    assert generate.outdated() == []


def expectations() -> dict[str, list[int]]:
    """For each alert, how many alerts each of its test cases expects."""
    counts: dict[str, list[int]] = {}
    for case in CASES:
        for test in yaml.safe_load(case.read_text(encoding="utf-8"))["tests"]:
            for rule_test in test["alert_rule_test"]:
                expected = len(rule_test.get("exp_alerts") or [])
                counts.setdefault(rule_test["alertname"], []).append(expected)
    return counts


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_is_tested_in_both_directions(name: str) -> None:
    """A test in which it fires and one in which it does not (Watchdog never rests)."""
    counts = expectations().get(name, [])
    assert any(counts), f"no test in which {name} fires"
    assert 0 in counts or name == "Watchdog", f"no test in which {name} does not fire"


def test_names_are_unique() -> None:
    """Two alerts of one name could not be told apart."""
    assert len(set(NAMES)) == len(NAMES)


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
        r"|\bup\{|process_resident",
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
