"""Series, labels and streams stay within the budget of `budget.toml`."""

import time
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from observability.proof.verify.finding import Finding
from observability.proof.verify.live import Live, for_each
from observability.query import Sample

CHECK = "budget"
FILE = Path(__file__).with_name("budget.toml")
_PLACE = ("observability/proof/verify/budget.toml",)
_SERVICES = '__name__!="",job="services"'
#: Labels whose values are bounded by something else than their own number.
_NOT_COUNTED = frozenset({"__name__", "le", "instance", "service_version"})

Limit = Annotated[int, Field(gt=0)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Series(_Table):
    """How many series there may be."""

    total: Limit
    of_a_replica: Limit
    of_a_metric: Limit
    of_spans: Limit


class Labels(_Table):
    """How many label names a metric, and values a label, may have."""

    of_a_metric: Limit
    values: Limit


class Logs(_Table):
    """How many streams there may be, and fields a service may write."""

    streams: Limit


class Budget(_Table):
    """The whole table."""

    series: Series
    labels: Labels
    logs: Logs


def read(path: Path = FILE) -> Budget:
    """The budget in a file.

    Raises:
        ValueError: It is not as it should be.
    """
    return Budget.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


async def check(live: Live, budget: Budget | None = None) -> list[Finding]:
    """One finding for each line of the budget; names what is largest."""
    limits = budget or read()
    findings = [
        await _total(live, limits.series.total),
        *await _largest(live, limits.series),
        await _streams(live, limits.logs.streams),
    ]
    return [*findings, *await _labels(live, limits.labels)]


async def _total(live: Live, limit: int) -> Finding:
    head = (await live.prometheus.status("tsdb"))["headStats"]
    return _within("series in memory", Sample({}, float(head["numSeries"])), limit)


async def _largest(live: Live, limits: Series) -> list[Finding]:
    replica = await _top(live, "max by (instance) (scrape_samples_scraped{job='services'})")
    metric = await _top(live, f"count by (__name__) ({{{_SERVICES}}})")
    spans = await _top(live, 'count({__name__=~"traces_.+"})')
    return [
        _within("series of a replica", replica, limits.of_a_replica),
        _within("series of a metric", metric, limits.of_a_metric),
        _within("series made of spans", spans, limits.of_spans),
    ]


async def _streams(live: Live, limit: int) -> Finding:
    found = await _top(live, "sum(loki_ingester_memory_streams)")
    return _within("log streams", found, limit)


async def _labels(live: Live, limits: Labels) -> list[Finding]:
    now = time.time()
    names = set(await live.prometheus.label_names(f"{{{_SERVICES}}}")) - _NOT_COUNTED

    async def values(name: str) -> Sample:
        query = f'count(count by ({name}) ({{{_SERVICES},{name}!=""}}))'
        number = await live.prometheus.scalar(query, now)
        return Sample({"label": name}, number or 0.0)

    counted = await for_each(sorted(names), values)
    series = await live.prometheus.series(f"{{{_SERVICES}}}", now - 60, now)
    widths = [Sample({"metric": one["__name__"]}, len(one) - 1.0) for one in series]
    return [
        _within("values of a label", _largest_of(counted), limits.values),
        _within("labels of a metric", _largest_of(widths), limits.of_a_metric),
    ]


async def _top(live: Live, query: str) -> Sample | None:
    return _largest_of(await live.prometheus.instant(f"topk(1, {query})"))


def _largest_of(samples: Iterable[Sample]) -> Sample | None:
    return max(samples, key=lambda one: one.value, default=None)


def _within(subject: str, found: Sample | None, limit: int) -> Finding:
    if found is None:
        detail = "nothing to be counted: renamed, or not measured"
        return Finding(CHECK, subject, False, detail, _PLACE)
    what = next((f" ({one})" for one in found.labels.values()), "")
    detail = f"{found.value:.0f}{what} of {limit}"
    return Finding(CHECK, subject, found.value <= limit, detail, _PLACE)
