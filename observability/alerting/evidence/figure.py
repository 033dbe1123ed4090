"""The alert's figure: what its rule measures, now and in the time before."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from observability.alerting.evidence.asking import Asking
from observability.alerting.evidence.burn import burn
from observability.alerting.evidence.expression import measured
from observability.alerting.evidence.model import Figure, Unit
from observability.alerting.evidence.subject import Subject
from observability.alerting.evidence.units import human, unit_of
from observability.alerting.notifications import Notification
from observability.query import Rule, Sample, Series

_POINTS = 180
_LEAST_STEP = 5.0

Found = TypeVar("Found", Sample, Series)


@dataclass(frozen=True)
class Measure:
    """What a rule measures, in which unit, against which limit; `logs`: in LogQL, asked of Loki."""

    expression: str
    unit: Unit
    limit: float | None
    logs: bool = False


async def measure(one: Notification, asking: Asking) -> Measure | None:
    """Of the rule that fired; None if it is not known."""
    found = _logged(one) or _of_rule(one, await asking.ask("Prometheus", asking.prometheus.rules))
    if found is None or found.logs:
        return found
    burning = await burn(found.expression, one, asking)
    return found if burning is None else Measure(burning.expression, "ratio", burning.limit)


def _of_rule(one: Notification, rules: list[Rule]) -> Measure | None:
    """As Prometheus says it, or the alert itself, where Prometheus does not answer."""
    mine = [rule for rule in rules if rule.name == one.name and rule.kind == "alerting"]
    # several rules may share a name: the one whose own labels are the alert's
    exact = [rule for rule in mine if rule.labels.items() <= one.labels.items()]
    if exact:
        return _measure(exact[0].query, exact[0].annotations)
    query = parse_qs(urlsplit(one.source).query).get("g0.expr", [""])[0]
    return _measure(query, one.annotations) if query else None


def _logged(one: Notification) -> Measure | None:
    """As Loki's ruler says it: `/explore?left={"queries":[{"expr": …}]}`."""
    left = parse_qs(urlsplit(one.source).query).get("left", [""])[0]
    try:
        query = json.loads(left)["queries"][0]["expr"]
    except (ValueError, LookupError, TypeError):
        return None
    return replace(_measure(query, one.annotations), logs=True) if isinstance(query, str) else None


def _measure(query: str, annotations: dict[str, str]) -> Measure:
    found = measured(query)
    return Measure(found.expression, unit_of(query, annotations), found.limit)


async def figure(
    what: Measure, one: Notification, subject: Subject, asking: Asking
) -> Figure | None:
    """Its value now and its course; None if there is no such figure."""
    step = max(_LEAST_STEP, (subject.end - subject.start) / _POINTS)
    samples, courses = await _asked(what, subject, step, asking)
    sample, course = _of(samples, one), _of(courses, one)
    points = [point for point in course.points if math.isfinite(point[1])] if course else []
    if sample is None and not points:
        return None
    value = sample.value if sample else points[-1][1]
    return Figure(
        expression=what.expression[:2_000],
        unit=what.unit,
        value=value if math.isfinite(value) else 0.0,
        text=human(value, what.unit),
        limit=what.limit,
        limit_text=None if what.limit is None else human(what.limit, what.unit),
        points=points[-_POINTS - 1 :],
    )


async def _asked(
    what: Measure, subject: Subject, step: float, asking: Asking
) -> tuple[list[Sample], list[Series]]:
    query, start, end = what.expression, subject.start, subject.end
    if what.logs:
        return (
            await asking.ask("Loki", lambda: asking.loki.instant(query, end)),
            await asking.ask("Loki", lambda: asking.loki.metric(query, start, end, step)),
        )
    return (
        await asking.ask("Prometheus", lambda: asking.prometheus.instant(query, end)),
        await asking.ask("Prometheus", lambda: asking.prometheus.range(query, start, end, step)),
    )


def _of(found: Sequence[Found], one: Notification) -> Found | None:
    """The series of this alert: the one that agrees with most of its labels, and with all."""
    agreeing = [
        each
        for each in found
        if all(
            one.labels.get(name) == value
            for name, value in each.labels.items()
            if name in one.labels
        )
    ]
    return max(agreeing, key=lambda each: len(each.labels), default=None)
