"""What happened in the time shown: alerts that began, processes that started, faults, deploys."""

import asyncio
import json
import math
from collections.abc import Mapping

from observability.boards import Span
from observability.console.charts.view import Mark
from observability.console.context import Context, or_none
from observability.query import Series
from observability.stack import deploys

_ACTS = "fault_set|fault_cleared|drill_started|scale|restart|load_.*"
_FAULTS = f'{{log_stream="audit"}} | audit_action=~"{_ACTS}"'
_MOST = 40
_STEP = 15.0
_STARTED = 'process_start_time_seconds{job="services"}'
_ALERTS = 'group by (alertname, service_name) (ALERTS{alertstate="firing",severity!="none"})'


async def marks(context: Context, span: Span) -> list[Mark]:
    """All marks in the span, oldest first; of a backend that is down there are none."""
    key = f"marks {span.start // 5} {span.end // 5}"
    return await context.kept(key, lambda: _gather(context, span))


async def _gather(context: Context, span: Span) -> list[Mark]:
    alerts, starts, deployed, faults = await asyncio.gather(
        _alerts(context, span),
        _starts(context, span),
        _deploys(context),
        _faults(context, span),
    )
    # the first process of a new version says nothing that the deploy does not
    moments = {mark.at for mark in deployed}
    found = [*alerts, *(one for one in starts if one.at not in moments), *deployed, *faults]
    inside = [mark for mark in found if span.start < mark.at <= span.end]
    return sorted(inside, key=lambda mark: mark.at)[-_MOST:]


async def _starts(context: Context, span: Span) -> list[Mark]:
    found = await or_none(context.prometheus.instant(_STARTED, span.end))
    return [
        Mark(one.value, f"{one.labels.get('instance', '?')} started", "start")
        for one in found or []
    ]


async def _alerts(context: Context, span: Span) -> list[Mark]:
    """Where an alert appears that was not there before."""
    step = max(_STEP, span.step)
    # On the same grid at every look, or the marks would wander.
    start, end = (math.floor(at / step) * step for at in (span.start, span.end))
    found = await or_none(context.prometheus.range(_ALERTS, start, end, step))
    return [
        Mark(began, _alert(series.labels), "alert")
        for series in found or []
        for began in beginnings(series, step)
        if began > start + 2 * step
    ]


async def _deploys(context: Context) -> list[Mark]:
    """Versions seen for the first time ever: one that only was away is none."""
    known = await asyncio.to_thread(deploys.read, context.settings)
    return [Mark(one.at, one.text, "deploy") for one in known]


def beginnings(series: Series, step: float) -> list[float]:
    """The moments at which a series begins, also after a hole."""
    began, before = [], None
    for at, _ in series.points:
        if before is None or at - before > 1.5 * step:
            began.append(at)
        before = at
    return began


def _alert(labels: Mapping[str, str]) -> str:
    return f"alert {labels.get('alertname', '')} {labels.get('service_name', '')}".strip()


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
