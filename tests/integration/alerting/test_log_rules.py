"""Log rules on a real Loki: quiet at their limit, ringing one line beyond it, and when broken.

The rules, the Collector's and Loki's configuration are the project's own; the rules are only
evaluated more often, and ring without the wait that lets a page come first.
"""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from observability.alerting import generate
from observability.alerting.catalogue import GROUPS
from observability.alerting.profiles import PROFILES, Profile
from tests.support.log_rules import CASES, Case, Lines
from tests.support.otlp_json import record, records
from tests.support.real_servers import RealServers, own_profile

pytestmark = pytest.mark.timeout(1800)  # the first run ever builds the servers

BY_NAME = [pytest.param(case, id=f"{case.alert}-{case.service}") for case in CASES]
LOG_GROUPS = [group for group in GROUPS if group.source == "logs"]
ALERTS = sorted({case.alert for case in CASES})
#: Rings on the first line.
UNLIMITED = "AuditNotRecorded"
#: Without the one of so many lines that every broken copy would have to count them.
QUICK = [case for case in CASES if sum(lines.count for lines in case.quiet) < 10_000]
RULES = (generate.LOG_RULES / "logs.yml").read_text(encoding="utf-8")
#: So many in one request: the Collector refuses what is very large.
AT_ONCE = 5_000
#: Seconds between evaluations.
EVERY = 1
#: Seconds, a little less than the minute that the rules look at: then the first lines are too old.
WINDOW = 55
#: Seconds within which Loki has done its part on any machine.
WITHIN = 180
#: What is done to every rule of a copy of the file, by the name of the copy.
BREAKS: dict[str, Callable[[str], str]] = {
    "limit-times-ten": lambda text: re.sub(
        r"> (\d+)$", lambda limit: f"> {int(limit[1]) * 10 or 10}", text, flags=re.MULTILINE
    ),
    "limit-included": lambda text: re.sub(r"> (\d+)", r">= \1", text),
    "label-wrong": lambda text: re.sub(r"team: \w+", "team: nobody", text),
    "runbook-removed": lambda text: re.sub(r"\n *runbook_url: .*", "", text),
}

Alerts = list[dict[str, dict[str, str]]]
#: What rings, by rule file and service.
Ringing = Mapping[tuple[str, str], Alerts]


@dataclass(frozen=True)
class Played:
    """What rang on the lines up to the limit, and beyond it."""

    at_the_limit: Ringing
    beyond: Ringing

    def agrees(self, file: str, case: Case) -> bool:
        """Whether the rules of a file ring as the case has it."""
        one = (file, case.service)
        return self.at_the_limit[one] == [] and self.beyond[one] == expected(case)


def expected(case: Case) -> Alerts:
    """The one alert that the last line makes ring, or none."""
    if case.last is None:
        return []
    identity = {
        "service_name": case.service,
        "service_namespace": "shop",
        "deployment_environment_name": "test",
    }
    labels = {"alertname": case.alert, **identity, **case.labels}
    return [{"labels": labels, "annotations": case.annotations}]


@contextmanager
def started(folder: Path, rules: Mapping[str, str]) -> Iterator[RealServers]:
    """Collector, Loki and Alertmanager, with these rule files by name."""
    (folder / "rules").mkdir()
    for name, text in rules.items():
        quick = text.replace("interval: 5s", f"interval: {EVERY}s")
        assert quick != text
        quick = re.sub(r"\n *for: \w+", "", quick)
        (folder / "rules" / f"{name}.yml").write_text(quick, encoding="utf-8")
    running = RealServers(folder / "state")
    profile = own_profile(folder, log_rules=folder / "rules")
    running.site = replace(running.site, profile=profile)
    try:
        for name in ("collector", "alertmanager", "loki"):
            running.start(name)
        yield running
    finally:
        running.__exit__()


@contextmanager
def played_by(
    folder: Path, rules: Mapping[str, str], cases: Sequence[Case]
) -> Iterator[tuple[RealServers, Played]]:
    """The servers, and what rang; on a busy machine not always at the first try."""
    for attempt in range(3):
        (folder / str(attempt)).mkdir()
        with started(folder / str(attempt), rules) as running:
            played = play(running, cases)
            if played:
                yield running, played
                return
    pytest.fail("too slow to tell: the first lines were too old at the end")


def play(servers: RealServers, cases: Sequence[Case]) -> Played | None:
    """All cases at the same time: each has a service of its own. None if that took too long."""
    Sender(servers).send((case, lines) for case in cases for lines in case.quiet if lines.ago)
    sender = Sender(servers)
    sender.send((case, lines) for case in cases for lines in case.quiet if not lines.ago)
    at_the_limit = ringing(servers)
    sender.send((case, case.last) for case in cases if case.last)
    beyond = ringing(servers)
    in_time = time.monotonic() - sender.began < WINDOW
    return Played(at_the_limit, beyond) if in_time else None


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealServers, Played]]:
    """With the log rules as they are."""
    with played_by(tmp_path_factory.mktemp("log-rules"), {"logs": RULES}, CASES) as found:
        yield found


@pytest.fixture(scope="module")
def servers(real: tuple[RealServers, Played]) -> RealServers:
    """Those that have the log rules as they are."""
    return real[0]


@pytest.fixture(scope="module")
def played(real: tuple[RealServers, Played]) -> Played:
    """What rings by the log rules as they are."""
    return real[1]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """What rings by each broken copy."""
    copies = {name: breaks(RULES) for name, breaks in BREAKS.items()}
    assert RULES not in copies.values()
    with played_by(tmp_path_factory.mktemp("broken-log-rules"), copies, QUICK) as (_, played):
        return played


class Sender:
    """Sends lines, and waits until Loki has them."""

    def __init__(self, servers: RealServers) -> None:
        self.began = time.monotonic()
        self._servers = servers
        self._now = time.time_ns()
        self._there: Counter[str] = counted(servers)

    def send(self, given: Iterable[tuple[Case, Lines]]) -> None:
        """Lines of many services, each at an instant of its own: equal ones are one to Loki."""
        for case, lines in given:
            first = self._now - int(lines.ago * 1e9) + self._there[case.service]
            sent = [
                record(lines.event, severity=lines.severity, at=first + n, log_stream=lines.stream)
                for n in range(lines.count)
            ]
            for start in range(0, len(sent), AT_ONCE):
                body = records(case.service, *sent[start : start + AT_ONCE])
                self._servers.post("collector", "/v1/logs", body)
            self._there[case.service] += lines.count
        self._servers.until(
            lambda: counted(self._servers) == self._there, within=WITHIN, what="all lines in Loki"
        )


def counted(servers: RealServers) -> Counter[str]:
    """Lines in Loki by service."""
    query = 'sum by (service_name) (count_over_time({service_name=~".+"}[2h]))'
    found = servers.get("loki", "/loki/api/v1/query", query=query)["data"]["result"]
    return Counter({one["metric"]["service_name"]: int(one["value"][1]) for one in found})


def ringing(servers: RealServers) -> Ringing:
    """What rings, by file and service, once every rule has been evaluated on what is there now."""
    now = time.time() + EVERY + 0.5  # an evaluation is of an instant up to an interval ago
    groups = servers.until(lambda: evaluated_since(servers, now), within=WITHIN, what="evaluation")
    found: dict[tuple[str, str], Alerts] = defaultdict(list)
    for group in groups:
        for rule in group["rules"]:
            assert rule["health"] == "ok", rule
            for alert in rule["alerts"]:
                assert alert["state"] == "firing"
                told = {part: alert[part] for part in ("labels", "annotations")}
                found[Path(group["file"]).stem, alert["labels"]["service_name"]].append(told)
    return found


def evaluated_since(servers: RealServers, moment: float) -> list[dict[str, Any]]:
    """The groups of all files with their state; none while one was evaluated before `moment`."""
    groups: list[dict[str, Any]] = servers.get("loki", "/prometheus/api/v1/rules")["data"]["groups"]
    times = [datetime.fromisoformat(group["lastEvaluation"]).timestamp() for group in groups]
    files = list(servers.site.log_rules.glob("*.yml"))
    return groups if len(groups) == len(files) and min(times) > moment else []


@pytest.mark.parametrize("case", BY_NAME)
def test_a_log_rule_is_quiet_at_its_limit(played: Played, case: Case) -> None:
    """Nor does any other rule ring on these lines."""
    assert played.at_the_limit["logs", case.service] == []


@pytest.mark.parametrize("case", BY_NAME)
def test_a_log_rule_rings_one_line_beyond_its_limit(played: Played, case: Case) -> None:
    """With exactly these labels and texts, and alone; where there is no last line, not at all."""
    assert played.beyond["logs", case.service] == expected(case)


def test_what_rings_in_loki_reaches_the_alertmanager(servers: RealServers, played: Played) -> None:
    """Each alert with its labels and texts, and nothing else."""
    wanted = [one for case in CASES for one in played.beyond["logs", case.service]]

    def told() -> bool:
        there = servers.get("alertmanager", "/api/v2/alerts")
        found = [{part: one[part] for part in ("labels", "annotations")} for one in there]
        return len(found) == len(wanted) and all(one in found for one in wanted)

    servers.until(told, within=10, what="every alert in Alertmanager")


@pytest.mark.parametrize(
    ("kind", "alert"),
    # no lines are no series: at least none is more than none
    sorted({(kind, name) for kind in BREAKS for name in ALERTS} - {("limit-included", UNLIMITED)}),
)
def test_a_log_rule_broken_on_purpose_is_caught(broken: Played, kind: str, alert: str) -> None:
    """A limit ten times as high or one lower, a wrong label, no runbook: its cases notice."""
    cases = [case for case in QUICK if case.alert == alert]
    assert not all(broken.agrees(kind, case) for case in cases)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_loki_accepts_the_log_rules_of_every_profile(
    servers: RealServers, profile: Profile
) -> None:
    """It can parse each expression; what each finds is proven with those of the demo."""
    for group in LOG_GROUPS:
        for alert in group.alerts(profile):
            servers.get("loki", "/loki/api/v1/format_query", query=alert.expr)
