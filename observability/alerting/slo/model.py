"""What a service promises, read from `<service>.yaml` beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).parent
EVERY_OTHER = "default"
"""Name of the file that speaks for every service without one of its own."""

Kind = Literal["availability", "latency", "freshness"]
KINDS: tuple[Kind, ...] = ("availability", "latency", "freshness")
_Share = Annotated[float, Field(gt=0, lt=1)]

HTTP = "http_server_request_duration_seconds"
# Event streams stay open by design: their duration says nothing about speed.
ENDING = 'http_route!~".*/stream"'
_FAILED = 'http_response_status_code=~"5.."'


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    objective: _Share
    """Which share of the events must be good."""
    promise: str
    """The promise as its users would say it."""


class Availability(_Part):
    """Requests that do not end in a 5xx."""


class Latency(_Part):
    """Requests that are answered within a time."""

    seconds: float = Field(gt=0)
    """A bucket boundary of the histogram of requests."""


class Freshness(_Part):
    """Work handed to a queue that is done within a time."""

    seconds: float = Field(gt=0)
    """A bucket boundary of the histogram."""
    histogram: str
    """Seconds from the asking to the doing."""
    asked: str
    """Counter of what is asked for: where it rises and nothing is done, figures are missing."""


class Spec(BaseModel):
    """One service's promises."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: str
    users: str
    """Who is hurt when a promise is broken."""
    availability: Availability | None = None
    latency: Latency | None = None
    freshness: Freshness | None = None

    def objectives(self, named: tuple[str, ...]) -> list[Objective]:
        """Each promise as counts of events.

        Args:
            named: Services with a file of their own, which the default leaves out.
        """
        if self.service == EVERY_OTHER:
            who = f'service_name!~"{"|".join(named)}"'
        else:
            who = f'service_name="{self.service}"'
        parts = (("availability", self.availability), ("latency", self.latency))
        found = [_http(self, kind, part, who) for kind, part in parts if part is not None]
        if self.freshness is not None:
            found.append(_freshness(self, self.freshness, who))
        return found


class Objective(BaseModel):
    """A promise as PromQL counts: which events there were, and which of them were bad."""

    model_config = ConfigDict(frozen=True)

    service: str
    kind: Kind
    objective: float
    who: str
    events: str
    bad: str

    @property
    def budget(self) -> float:
        """Which share of the events may be bad."""
        return round(1 - self.objective, 9)


def _http(spec: Spec, kind: str, part: _Part, who: str) -> Objective:
    if isinstance(part, Latency):
        events = f"{HTTP}_count{{{who},{ENDING}}}"
        within = f'{HTTP}_bucket{{{who},{ENDING},le="{_bound(part.seconds)}"}}'
        bad = f"{_summed(events)} - {_summed(within)}"
        kind = "latency"
    else:
        events = f"{HTTP}_count{{{who}}}"
        failed = f"{HTTP}_count{{{who},{_FAILED}}}"
        bad = f"{_summed(failed)} or 0 * {_summed(events)}"
    return Objective.model_validate(
        {
            "service": spec.service,
            "kind": kind,
            "objective": part.objective,
            "who": who,
            "events": _summed(events),
            "bad": bad,
        }
    )


def _freshness(spec: Spec, part: Freshness, who: str) -> Objective:
    events = _summed(f"{part.histogram}_count{{{who}}}")
    within = _summed(f'{part.histogram}_bucket{{{who},le="{_bound(part.seconds)}"}}')
    return Objective(
        service=spec.service,
        kind="freshness",
        objective=part.objective,
        who=who,
        events=events,
        bad=f"{events} - {within}",
    )


def _summed(series: str) -> str:
    """By replica: a counter that falls then tells that this replica began anew."""
    labels = "instance, service_name, service_namespace, deployment_environment_name"
    return f"sum by ({labels}) ({series})"


def _bound(seconds: float) -> str:
    """A bucket boundary as Prometheus writes it: `1.0`, `0.25`."""
    return str(float(seconds))


@cache
def load() -> tuple[Spec, ...]:
    """Every spec, by name of service, the default last.

    Raises:
        ValueError: A file is not a spec, or is not named after its service.
    """
    specs = []
    for path in sorted(FOLDER.glob("*.yaml")):
        spec = Spec.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        if spec.service != path.stem:
            raise ValueError(f"{path.name} speaks of {spec.service}")
        specs.append(spec)
    return tuple(sorted(specs, key=lambda spec: (spec.service == EVERY_OTHER, spec.service)))
