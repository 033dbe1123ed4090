"""What is read here of Prometheus' HTTP API.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/.
"""

import math
from dataclasses import dataclass
from typing import Any

import httpx

from observability.query.api import Api

Labels = dict[str, str]


@dataclass(frozen=True)
class Sample:
    """One series' value at one moment."""

    labels: Labels
    value: float


@dataclass(frozen=True)
class Series:
    """One series over a range: (unix seconds, value) pairs in order; NaN where there is none."""

    labels: Labels
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Exemplar:
    """One measured request: its value, when (unix seconds), and the trace that it belongs to."""

    series: Labels
    value: float
    at: float
    trace_id: str | None


@dataclass(frozen=True)
class Target:
    """What Prometheus scrapes, and how that goes."""

    labels: Labels
    url: str
    health: str
    error: str
    seconds: float


@dataclass(frozen=True)
class Rule:
    """A rule as Prometheus has loaded it."""

    name: str
    kind: str
    query: str
    state: str
    health: str
    error: str
    labels: Labels
    annotations: Labels


class Prometheus:
    """Reads metrics, exemplars, targets and rules."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._api = Api(http, "Prometheus", "/api/v1")

    async def instant(self, query: str, at: float | None = None) -> list[Sample]:
        """An instant query's vector; a scalar is a vector of one without labels."""
        data = await self._get("query", query=query, time=at)
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(one["metric"], float(one["value"][1])) for one in data["result"]]

    async def scalar(self, query: str, at: float | None = None) -> float | None:
        """The one number that a query answers with; None if there is none or it is NaN."""
        samples = await self.instant(query, at)
        if not samples or math.isnan(samples[0].value):
            return None
        return samples[0].value

    async def range(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """A range query's matrix; times in unix seconds, step in seconds."""
        data = await self._get("query_range", query=query, start=start, end=end, step=step)
        return [
            Series(one["metric"], [(float(at), float(value)) for at, value in one["values"]])
            for one in data["result"]
        ]

    async def exemplars(self, query: str, start: float, end: float) -> list[Exemplar]:
        """Exemplars of the series that a query selects, oldest first."""
        data = await self._get("query_exemplars", query=query, start=start, end=end)
        found = [
            Exemplar(
                series["seriesLabels"],
                float(one["value"]),
                float(one["timestamp"]),
                one["labels"].get("trace_id"),
            )
            for series in data
            for one in series["exemplars"]
        ]
        return sorted(found, key=lambda exemplar: exemplar.at)

    async def label_values(self, label: str, selector: str | None = None) -> list[str]:
        """Values of a label, of the series that a selector matches."""
        values: list[str] = await self._get(f"label/{label}/values", **_match(selector))
        return values

    async def label_names(self, selector: str | None = None) -> list[str]:
        """Label names of the series that a selector matches."""
        names: list[str] = await self._get("labels", **_match(selector))
        return names

    async def series(self, selector: str, start: float, end: float) -> list[Labels]:
        """Label sets of the series that a selector matches, name included."""
        data: list[Labels] = await self._get("series", **_match(selector), start=start, end=end)
        return data

    async def targets(self) -> list[Target]:
        """Active scrape targets."""
        data = await self._get("targets", state="active")
        return [
            Target(
                one["labels"],
                one["scrapeUrl"],
                one["health"],
                one["lastError"],
                one["lastScrapeDuration"],
            )
            for one in data["activeTargets"]
        ]

    async def rules(self) -> list[Rule]:
        """Recording and alerting rules with their state and health."""
        data = await self._get("rules")
        return [_rule(one) for group in data["groups"] for one in group["rules"]]

    async def status(self, what: str) -> dict[str, Any]:
        """One of the status pages: `buildinfo`, `tsdb`, `runtimeinfo`, `flags`."""
        data: dict[str, Any] = await self._get(f"status/{what}")
        return data

    async def _get(self, path: str, **params: Any) -> Any:
        answer = await self._api.get(path, **params)
        return answer["data"]


def _match(selector: str | None) -> dict[str, str]:
    return {"match[]": selector} if selector else {}


def _rule(one: dict[str, Any]) -> Rule:
    return Rule(
        name=one["name"],
        kind=one["type"],
        query=one["query"],
        state=one.get("state", ""),
        health=one["health"],
        error=one.get("lastError", ""),
        labels=one.get("labels", {}),
        annotations=one.get("annotations", {}),
    )
