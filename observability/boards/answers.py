"""Answers to a panel's queries, asked from the backends as Grafana's data sources would."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from observability.boards.fields import attributes, seconds
from observability.boards.model import Panel, Target
from observability.boards.variables import Values, fill
from observability.query import Exemplar, Jaeger, LogLine, Loki, Prometheus, Search, Series, Trace

_POINTS = 200
_LEAST_STEP = 5.0
_SCRAPE_SECONDS = 5.0


@dataclass(frozen=True)
class Span:
    """From when to when, in unix seconds."""

    start: float
    end: float

    @property
    def step(self) -> float:
        """Seconds between two points, so that a graph has some 200."""
        return max(_LEAST_STEP, round((self.end - self.start) / _POINTS))

    def builtin(self) -> dict[str, str]:
        """Grafana's variables of the time range."""
        step = int(self.step)
        length = int(self.end - self.start)
        return {
            "__interval": f"{step}s",
            "__interval_ms": f"{step * 1000}",
            "__rate_interval": f"{max(step + int(_SCRAPE_SECONDS), 4 * int(_SCRAPE_SECONDS))}s",
            "__range": f"{length}s",
            "__range_s": f"{length}",
            "__from": f"{int(self.start * 1000)}",
            "__to": f"{int(self.end * 1000)}",
        }


@dataclass(frozen=True)
class Backends:
    """Who is asked."""

    prometheus: Prometheus
    loki: Loki
    jaeger: Jaeger


@dataclass(frozen=True)
class Answer:
    """What one query answered: one of the lists, depending on whom it asked."""

    target: Target
    query: str
    series: list[Series] = field(default_factory=list)
    exemplars: list[Exemplar] = field(default_factory=list)
    lines: list[LogLine] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        has_points = any(series.points for series in self.series)
        return not (has_points or self.lines or self.traces)


async def ask(
    panel: Panel, values: Mapping[str, Values], span: Span, backends: Backends
) -> list[Answer]:
    """The answers to all queries of a panel, in their order.

    Raises:
        BackendError: a backend did not answer or refused a query.
    """
    asked = (_ask(target, values, span, backends) for target in panel.targets)
    return list(await asyncio.gather(*asked))


async def _ask(
    target: Target, values: Mapping[str, Values], span: Span, backends: Backends
) -> Answer:
    builtin = span.builtin()
    if target.kind == "prometheus":
        query = fill(target.expression, values, "prometheus", builtin)
        return await _from_prometheus(target, query, span, backends.prometheus)
    if target.kind == "loki":
        query = fill(target.expression, values, "loki", builtin)
        return await _from_loki(target, query, span, backends.loki)
    if target.kind == "jaeger":
        return await _from_jaeger(target, values, span, backends.jaeger)
    return Answer(target, "")


async def _from_prometheus(
    target: Target, query: str, span: Span, prometheus: Prometheus
) -> Answer:
    if target.instant:
        samples = await prometheus.instant(query, span.end)
        series = [Series(one.labels, [(span.end, one.value)]) for one in samples]
    else:
        series = await prometheus.range(query, span.start, span.end, span.step)
    wanted = bool(target.raw.get("exemplar"))
    exemplars = await prometheus.exemplars(query, span.start, span.end) if wanted else []
    return Answer(target, query, series=series, exemplars=exemplars)


async def _from_loki(target: Target, query: str, span: Span, loki: Loki) -> Answer:
    if query.lstrip().startswith("{"):
        limit = int(target.raw.get("maxLines", 200))
        lines = await loki.lines(query, span.start, span.end, limit=limit)
        return Answer(target, query, lines=lines)
    if target.instant:
        samples = await loki.instant(query, span.end)
        return Answer(
            target, query, series=[Series(s.labels, [(span.end, s.value)]) for s in samples]
        )
    series = await loki.metric(query, span.start, span.end, span.step)
    return Answer(target, query, series=series)


async def _from_jaeger(
    target: Target, values: Mapping[str, Values], span: Span, jaeger: Jaeger
) -> Answer:
    raw = {
        key: fill(value, values, "jaeger") if isinstance(value, str) else value
        for key, value in target.raw.items()
    }
    if raw.get("queryType") == "search":
        search = Search(
            service=raw["service"],
            start=span.start,
            end=span.end,
            operation=raw.get("operation") or None,
            attributes=attributes(raw.get("tags", "")),
            shortest=seconds(raw.get("minDuration", "")),
            longest=seconds(raw.get("maxDuration", "")),
            limit=int(raw.get("limit", 20)),
        )
        return Answer(target, f"traces of {search.service}", traces=await jaeger.search(search))
    if raw.get("query"):
        trace = await jaeger.trace(raw["query"])
        return Answer(target, raw["query"], traces=[trace] if trace else [])
    return Answer(target, "service map", series=await jaeger.dependencies(span.start, span.end))
