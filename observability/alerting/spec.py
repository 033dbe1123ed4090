"""What an alert is: typed, independent of the file format it is written to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

IDENTITY = ("service_name", "service_namespace", "deployment_environment_name")
"""The labels that say which service, in all three signals."""

VALUE_PERCENT = "{{ $value | humanizePercentage }}"
VALUE_DURATION = "{{ $value | humanizeDuration }}"
VALUE_COUNT = '{{ $value | printf "%.0f" }}'


class Severity(StrEnum):
    """How soon a person must look."""

    CRITICAL = "critical"
    """Now: customers are hurt."""
    WARNING = "warning"
    """Today: it is getting worse, or part of the reserve is gone."""
    NONE = "none"
    """Never: it fires to prove that alerts arrive."""


class Team(StrEnum):
    """Who is called."""

    SERVICES = "services"
    """Those who own the service named in the alert."""
    PLATFORM = "platform"
    """Those who run the observability stack."""


@dataclass(frozen=True)
class Profile:
    """The figures that differ between a demonstration and production.

    Durations are Prometheus durations (`15s`, `5m`); ratios are between 0 and 1.
    """

    name: str
    evaluate_every: str
    window: str
    """Over which rates are taken."""
    down_for: str
    """How long a target may be silent: longer than an ordinary restart."""
    hold_for: str
    """How long any other condition must last."""
    memory_of_targets: str
    """For how long a service that vanished from the targets is missed."""
    error_ratio: float
    failures_at_least: int
    """Failed requests within the window below which a ratio means nothing."""
    latency_seconds: float
    requests_at_least: int
    """Requests within the window below which a percentile means nothing."""
    queue_depth: int


@dataclass(frozen=True)
class Alert:
    """One alerting rule.

    Attributes:
        name: CamelCase; also the name of its runbook page.
        expr: PromQL; each series it answers with is one alert.
        hold: How long the expression must hold before it fires; None means at once.
        severity: How soon a person must look.
        team: Who is called.
        summary: One line, readable on a telephone.
        description: What is measured, against what limit, and who is hurt.
        dashboard: uid of the dashboard to open first.
        variables: Dashboard variable name to the alert's label that fills it.
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

    @property
    def runbook(self) -> str:
        """Path of the runbook, relative to the base that the reader's tool knows."""
        return f"docs/runbooks/{self.name}.md"

    @property
    def dashboard_link(self) -> str:
        """Address below Grafana's, with the variables filled from the alert's labels."""
        filled = [
            f"var-{variable}={{{{ $labels.{source} | urlquery }}}}"
            for variable, source in self.variables.items()
        ]
        query = f"?{'&'.join(filled)}" if filled else ""
        return f"/d/{self.dashboard}{query}"


@dataclass(frozen=True)
class Group:
    """Alerts that are evaluated together and written to one file `<name>.yml`."""

    name: str
    build: Callable[[Profile], list[Alert]]


DEMO = Profile(
    name="demo",
    evaluate_every="5s",
    window="1m",
    down_for="10s",
    hold_for="15s",
    memory_of_targets="10m",
    error_ratio=0.05,
    failures_at_least=5,
    latency_seconds=1.0,
    requests_at_least=10,
    queue_depth=20,
)
"""Rings within seconds, so that one can watch it; used when nothing else is asked for."""

PRODUCTION = Profile(
    name="production",
    evaluate_every="15s",
    window="5m",
    down_for="1m",
    hold_for="5m",
    memory_of_targets="1h",
    error_ratio=0.02,
    failures_at_least=20,
    latency_seconds=0.5,
    requests_at_least=50,
    queue_depth=1000,
)
"""Rings on what lasts; figures to start from."""

PROFILES = (DEMO, PRODUCTION)


def label(name: str) -> str:
    """The template that prints an alert's label."""
    return f"{{{{ $labels.{name} }}}}"


def human_seconds(seconds: float) -> str:
    """A limit as a person says it: `500ms`, `2s`."""
    return f"{seconds * 1000:g}ms" if seconds < 1 else f"{seconds:g}s"
