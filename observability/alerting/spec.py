"""What an alert is: typed, independent of the file format it is written to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from observability.alerting.profiles import Profile

IDENTITY = ("service_name", "service_namespace", "deployment_environment_name")
"""The labels that say which service, in all three signals."""
BY_SERVICE = f"by ({', '.join(IDENTITY)})"
ON_SERVICE = f"on ({', '.join(IDENTITY)})"
PLACE = ("service_namespace", "deployment_environment_name")
"""The labels that say which system, in which environment."""

VALUE_PERCENT = "{{ $value | humanizePercentage }}"
VALUE_DURATION = "{{ $value | humanizeDuration }}"
VALUE_COUNT = '{{ $value | printf "%.0f" }}'
VALUE_BYTES = "{{ $value | humanize1024 }}B"

BEFORE = "15m"
"""How much time before the alert its dashboard link shows."""


class Severity(StrEnum):
    """How soon a person must look."""

    CRITICAL = "critical"
    """A page, now: customers are hurt, or will be before tomorrow."""
    WARNING = "warning"
    """A ticket, today: it is getting worse, or part of the reserve is gone."""
    NONE = "none"
    """Never: it fires to prove that alerts arrive."""


class Team(StrEnum):
    """Who is called."""

    SERVICES = "services"
    """Those who own the service named in the alert."""
    PLATFORM = "platform"
    """Those who run the observability stack and the machines."""
    SECURITY = "security"
    """Those who look after attacks."""


@dataclass(frozen=True)
class Alert:
    """One alerting rule.

    Attributes:
        name: CamelCase; also the name of its runbook page.
        expr: PromQL, or LogQL in a group of log rules; each series it answers with is one alert.
        hold: How long the expression must hold before it fires; None means at once.
        severity: How soon a person must look.
        team: Who is called.
        summary: One line, readable on a telephone.
        description: What is measured, against what limit, and who is hurt.
        dashboard: uid of the dashboard to open first.
        variables: Dashboard variable name to the alert's label that fills it.
        keep: How long it goes on firing after the expression no longer holds.
        labels: Labels that the expression does not give, templates allowed; `service_name` must
            come from here or from there.
        about_time: Whether it is about how long something takes: then the slowest traces tell
            most, else those that failed.
    """

    name: str
    expr: str
    hold: str | None
    severity: Severity
    team: Team
    summary: str
    description: str
    dashboard: str
    variables: Mapping[str, str] = field(default_factory=dict)
    keep: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    about_time: bool = False

    @property
    def runbook(self) -> str:
        """Path of the runbook, relative to the base that the reader's tool knows."""
        return f"docs/runbooks/{self.name}.md"

    @property
    def dashboard_link(self) -> str:
        """Address below Grafana's, with the variables filled and from before the alert on.

        Prometheus does not tell a template when an alert began, so the range is relative; who
        keeps notifications knows, and puts the exact times in (see `links`).
        """
        filled = [
            f"var-{variable}={{{{ $labels.{source} | urlquery }}}}"
            for variable, source in self.variables.items()
        ]
        return f"/d/{self.dashboard}?{'&'.join([*filled, f'from=now-{BEFORE}', 'to=now'])}"


@dataclass(frozen=True)
class Record:
    """A figure that several rules or panels ask for, evaluated once.

    Attributes:
        name: `level:what:how`.
        expr: PromQL.
        labels: Added to each series.
    """

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


Rule = Alert | Record
Pace = Literal["page", "ticket", "budget"]


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated one after another, in a file `<name>.yml` of its own.

    Attributes:
        name: Of the file and of the group.
        build: The rules, tuned by a profile.
        pace: How often they are evaluated.
        source: Whether Prometheus evaluates them, or Loki.
    """

    name: str
    build: Callable[[Profile], Sequence[Rule]]
    pace: Pace = "ticket"
    source: Literal["metrics", "logs"] = "metrics"

    def alerts(self, profile: Profile) -> list[Alert]:
        """Its alerts, without the recorded figures."""
        return [rule for rule in self.build(profile) if isinstance(rule, Alert)]


def label(name: str) -> str:
    """The template that prints an alert's label."""
    return f"{{{{ $labels.{name} }}}}"


def human_seconds(seconds: float) -> str:
    """A limit as a person says it: `500ms`, `30s`, `10m`, `24h`."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def human_bytes(count: int) -> str:
    """A size as a person says it: `50 MB`."""
    return f"{count / 1e6:g} MB"
