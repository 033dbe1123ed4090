"""What happened in the time shown: alerts that began, processes that started, faults, deploys."""

import json
import math

from observability.boards import Span
from observability.console.charts.view import Mark
from observability.console.context import Context, or_none
from observability.query import Series

_ACTS = "fault_set|fault_cleared|drill_started|scale|restart|load_.*"
_FAULTS = f'{{log_stream="audit"}} | audit_action=~"{_ACTS}"'
_MOST = 40
_STEP = 15.0
_STARTED = 'process_start_time_seconds{job="services"}'
_VERSIONS = 'group by (service_name, service_version) (target_info{job="services"})'
_ALERTS = 'group by (alertname, service_name) (ALERTS{alertstate="firing",severity!="none"})'


async def marks(context: Context, span: Span) -> list[Mark]:
    """All marks in the span, oldest first; of a backend that is down there are none."""
    key = f"marks {span.start // 5} {span.end // 5}"
    return await context.kept(key, lambda: _gather(context, span))


async def _gather(context: Context, span: Span) -> list[Mark]:
    found = [
        *await _starts(context, span),
        *await _began(context, span, _ALERTS, "alert"),
        *await _began(context, span, _VERSIONS, "deploy"),
        *await _faults(context, span),
    ]
    inside = [mark for mark in found if span.start < mark.at <= span.end]
    return sorted(inside, key=lambda mark: mark.at)[-_MOST:]


async def _starts(context: Context, span: Span) -> list[Mark]:
    found = await or_none(context.prometheus.instant(_STARTED, span.end))
    return [
        Mark(one.value, f"{one.labels.get('instance', '?')} started", "start")
        for one in found or []
    ]


async def _began(context: Context, span: Span, query: str, kind: str) -> list[Mark]:
    """Where a series appears that was not there before."""
    step = max(_STEP, span.step)
    # On the same grid at every look, or the marks would wander.
    start, end = (math.floor(at / step) * step for at in (span.start, span.end))
    found = await or_none(context.prometheus.range(query, start, end, step))
    return [
        Mark(began, _title(series, kind), kind)
        for series in found or []
        for began in beginnings(series, step)
        if began > start + 2 * step
    ]


def beginnings(series: Series, step: float) -> list[float]:
    """The moments at which a series begins, also after a hole."""
    began, before = [], None
    for at, _ in series.points:
        if before is None or at - before > 1.5 * step:
            began.append(at)
        before = at
    return began


def _title(series: Series, kind: str) -> str:
    labels = series.labels
    service = labels.get("service_name", "")
    if kind == "deploy":
        return f"{service} {labels.get('service_version', '')} first seen"
    return " ".join(["alert", labels.get("alertname", ""), service]).strip()


async def _faults(context: Context, span: Span) -> list[Mark]:
    lines = await or_none(context.loki.lines(_FAULTS, span.start, span.end, limit=_MOST))
    return [
        Mark(
            line.at / 1e9,
            _said(line.fields.get("audit_action", ""), line.fields),
            "fault",
        )
        for line in lines or []
    ]


def _said(action: str, fields: dict[str, str]) -> str:
    try:
        value = json.loads(fields.get("audit_detail") or "{}").get("value")
    except ValueError:
        value = None
    target = fields.get("audit_target", "")
    words = action.replace("_", " ")
    return f"{words}: {target}={value}" if value is not None else f"{words}: {target}"
