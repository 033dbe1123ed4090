"""Every metric, label and log field that is named anywhere is there, live.

What Prometheus and Loki remember does not count: only series that have a value now, and fields of
lines written while it was looked. A query must name a metric in full; a word in a page may leave
out what its kind adds to it.
"""

import time
from collections import defaultdict
from collections.abc import Iterable

from observability.proof.promql import PromqlError
from observability.proof.verify import logql
from observability.proof.verify.files import Query, queries
from observability.proof.verify.finding import Finding
from observability.proof.verify.live import Live, for_each
from observability.proof.verify.quiet import QUIET_FIELDS, QUIET_LABELS, QUIET_METRICS
from observability.proof.verify.selectors import expected

CHECK = "contract"
#: What a histogram adds to its name.
_PARTS = ("", "_bucket", "_count", "_sum")


class Named:
    """All that is named, each with the places where it is."""

    def __init__(self) -> None:
        self.metrics: dict[str, list[str]] = defaultdict(list)
        self.words: dict[str, list[str]] = defaultdict(list)
        #: (metrics of which any must have it, label) → places
        self.labels: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
        self.stream_labels: dict[str, list[str]] = defaultdict(list)
        self.fields: dict[str, list[str]] = defaultdict(list)
        self.unreadable: list[Finding] = []

    def add(self, query: Query) -> None:
        """Take in one query; one that cannot be read is a finding of its own."""
        try:
            if query.language == "metric":
                self.words[query.text].append(query.place)
            elif query.language == "promql":
                self._promql(query)
            else:
                self._logql(query)
        except (PromqlError, logql.LogqlError) as error:
            self.unreadable.append(Finding(CHECK, query.text, False, str(error), (query.place,)))

    def _promql(self, query: Query) -> None:
        found = expected(query.text)
        for metric, labels in found.matched.items():
            self.metrics[metric].append(query.place)
            for label in labels:
                self.labels[(metric,), label].append(query.place)
        every = tuple(sorted(found.matched))
        for label in found.grouped if every else ():
            self.labels[every, label].append(query.place)

    def _logql(self, query: Query) -> None:
        found = logql.named(query.text)
        for label in found.labels:
            self.stream_labels[label].append(query.place)
        for name in found.fields:
            self.fields[name].append(query.place)


async def check(live: Live) -> list[Finding]:
    """One finding for each metric, each of its labels, and each log field."""
    named = Named()
    for query in queries(live.files):
        named.add(query)
    alive = await _metrics_there(live)
    there = alive | await _recorded(live)
    findings = [*named.unreadable]
    for names, parts in ((named.metrics, ("",)), (named.words, _PARTS)):
        findings += [_metric(one, places, there, parts) for one, places in sorted(names.items())]
    findings += await _labels(live, named, alive, there - alive)
    findings += await _log_fields(live, named)
    return findings


async def _metrics_there(live: Live) -> set[str]:
    samples = await live.prometheus.instant('count by (__name__) ({__name__!=""})')
    return {sample.labels["__name__"] for sample in samples}


async def _recorded(live: Live) -> set[str]:
    """What Prometheus records without trouble, be there a series just now or not."""
    rules = await live.prometheus.rules()
    return {rule.name for rule in rules if rule.kind == "recording" and rule.health == "ok"}


def _metric(name: str, places: Iterable[str], there: set[str], parts: tuple[str, ...]) -> Finding:
    where = _unique(places)
    if any(name + part in there for part in parts):
        return Finding(CHECK, f"metric {name}", True, "is there", where)
    if name in QUIET_METRICS:
        return Finding(CHECK, f"metric {name}", True, f"not yet: {QUIET_METRICS[name]}", where)
    detail = "no series of that name: renamed, or never exposed"
    return Finding(CHECK, f"metric {name}", False, detail, where)


async def _labels(
    live: Live, named: Named, alive: set[str], recorded_now_and_then: set[str]
) -> list[Finding]:
    """Labels of metrics that are there; of others the metric itself is the finding.

    Where any of several may have the label and one of them is not recorded just now, it may.
    """
    asked = [
        (tuple(metric for metric in metrics if metric in alive), label, places)
        for (metrics, label), places in sorted(named.labels.items())
        if not recorded_now_and_then.intersection(metrics)
    ]

    async def look(one: tuple[tuple[str, ...], str, list[str]]) -> Finding:
        metrics, label, places = one
        subject = f"label {label} of {' or '.join(metrics)}"
        for metric in metrics:
            found = await live.prometheus.instant(f'count by ({label}) ({metric}{{{label}!=""}})')
            if found:
                return Finding(CHECK, subject, True, f"{len(found)} values", _unique(places))
        if not await live.prometheus.instant(" or ".join(f"count({one})" for one in metrics)):
            return Finding(CHECK, subject, True, "not recorded just now", _unique(places))
        known = next((QUIET_LABELS[metric] for metric in metrics if metric in QUIET_LABELS), None)
        detail = f"not yet: {known}" if known else "no series has that label"
        return Finding(CHECK, subject, known is not None, detail, _unique(places))

    return await for_each([one for one in asked if one[0]], look)


async def _log_fields(live: Live, named: Named) -> list[Finding]:
    async def look(one: tuple[str, str, list[str]]) -> Finding:
        kind, name, places = one
        lines = await _lines_with(live, kind, name)
        subject = f"{kind} {name}"
        if lines:
            return Finding(CHECK, subject, True, f"on {lines:.0f} lines", _unique(places))
        if name in QUIET_FIELDS:
            detail = f"not yet: {QUIET_FIELDS[name]}"
            return Finding(CHECK, subject, True, detail, _unique(places))
        detail = f"on no line of the last {time.time() - live.since:.0f} seconds"
        return Finding(CHECK, subject, False, detail, _unique(places))

    labels = [("log label", name, places) for name, places in sorted(named.stream_labels.items())]
    fields = [("log field", name, places) for name, places in sorted(named.fields.items())]
    return await for_each(labels + fields, look)


async def _lines_with(live: Live, kind: str, name: str) -> float:
    window = f"[{time.time() - live.since:.0f}s]"
    selector = (
        f'{{{name}=~".+"}}' if kind == "log label" else f'{{service_name=~".+"}} | {name}!=""'
    )
    query = f"sum(count_over_time({selector} {window}))"
    samples = await live.loki.instant(query, time.time())
    return samples[0].value if samples else 0.0


def _unique(places: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(places))
