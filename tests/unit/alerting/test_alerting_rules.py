"""Every rule: generated from the catalogue, proven by promtool in both directions, documented."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.alerting import generate
from observability.alerting.catalogue import GROUPS
from observability.alerting.spec import PROFILES, Alert, Severity
from observability.settings import Settings

ROOT = Path(__file__).parents[3]
CASES = sorted((Path(__file__).parent / "rules").glob("*.test.yml"))
ALERTS = [
    pytest.param(alert, id=f"{profile.name}-{alert.name}")
    for profile in PROFILES
    for group in GROUPS
    for alert in group.build(profile)
]
NAMES = sorted({alert.name for group in GROUPS for alert in group.build(PROFILES[0])})
RUNBOOK_SECTIONS = [
    "## What it means",
    "## Who is hurt",
    "## Look here first",
    "## Likely causes",
    "## Mitigate",
    "## Make sure",
]


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
        timeout=60,
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
        path for path, text in generate.rendered().items() if f"Profile: {profile.name}" in text
    ]
    assert len(files) == len(GROUPS)
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *files)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("services.yml", "> 0.05", "> 0.5"),
        ("services.yml", "> 1\n", "> 10\n"),
        ("services.yml", "for: 10s", "for: 1m"),
        ("services.yml", "severity: critical", "severity: warning"),
        ("queues.yml", "> 20", "> 200"),
        ("queues.yml", "> 20", "> 2"),
        ("stack.yml", "runbook_url: docs/runbooks/BackendDown.md", "runbook_url: elsewhere"),
    ],
)
def test_a_rule_broken_on_purpose_is_caught(
    promtool: str, tmp_path: Path, file: str, old: str, new: str
) -> None:
    """A threshold ten times off, a longer wait, a wrong label: the unit tests fail."""
    text = (generate.RULES / file).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new), encoding="utf-8")
    case = next(path for path in CASES if path.name == file.replace(".yml", ".test.yml"))
    moved = tmp_path / case.name
    original = f"../../../../observability/alerting/rules/{file}"
    moved.write_text(case.read_text(encoding="utf-8").replace(original, file), encoding="utf-8")
    assert run(promtool, "test", "rules", moved).returncode != 0


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


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_has_a_runbook_of_one_shape(name: str) -> None:
    """docs/runbooks/<Alert>.md exists, names the alert and has every section, in order."""
    page = (ROOT / f"docs/runbooks/{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n")
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert headings == RUNBOOK_SECTIONS


def test_no_runbook_is_left_over() -> None:
    """Each page in docs/runbooks is of an alert that exists."""
    pages = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")}
    assert pages - {"README"} == set(NAMES)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_rule_says_what_a_person_needs(alert: Alert) -> None:
    """A short summary, a longer description, and a severity of which the hold fits."""
    assert len(alert.summary.split("{{")[0]) < 80
    assert alert.description.endswith((".", "{{ end }}"))
    assert len(alert.description) > len(alert.summary)
    assert (alert.hold is None) == (alert.severity is Severity.NONE)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_dashboard_link_leads_to_a_dashboard(alert: Alert) -> None:
    """The dashboard exists, and so does each variable that the link fills."""
    text = (ROOT / "dashboards" / f"{alert.dashboard}.json").read_text(encoding="utf-8")
    board = yaml.safe_load(text)
    assert board["uid"] == alert.dashboard
    assert set(alert.variables) <= {one["name"] for one in board["templating"]["list"]}
