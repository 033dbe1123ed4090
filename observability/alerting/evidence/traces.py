"""The most telling traces: those that failed, or the slowest, found by exemplar."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime

from observability.alerting.evidence.asking import Asking
from observability.alerting.evidence.model import TraceEvidence
from observability.alerting.evidence.subject import QUEUE, Subject
from observability.query import Exemplar, Search, Span, Trace

SHOWN = 3
_ERRORS_TRIED = 6
_SLOWEST_TRIED = 4
_SEARCHED = 20
_SEARCHED_OF_QUEUE = 8
_SERVICES_SEARCHED = 3
_TEXT = 200
_TRACE_ID = re.compile(r"[0-9a-f]{16,32}")
_ENDLESS = 'http_route!~".*/stream"'


async def traces(
    subject: Subject, asking: Asking, *, slowest_first: bool, link: Callable[[str], str]
) -> list[TraceEvidence]:
    """At most three: exemplars first; if they are too few, what Jaeger finds by itself.

    Args:
        subject: whose, and when.
        asking: the backends.
        slowest_first: the alert is about time; else failures go first.
        link: address at which a trace, given by id, can be seen.
    """
    exemplars = _candidates(
        await asking.ask("Prometheus", lambda: _exemplars(subject, asking)), slowest_first
    )
    found = await asking.ask("Jaeger", lambda: _fetched(exemplars, asking))
    if len(found) < SHOWN and subject.services:
        more = await asking.ask("Jaeger", lambda: _searched(subject, asking))
        known = {trace.trace_id for trace in found}
        found += [trace for trace in more if trace.trace_id not in known]
    if not found and "Jaeger" in asking.missing:
        return [_unseen(exemplar, link) for exemplar in exemplars[:SHOWN]]
    found.sort(key=lambda trace: _telling(trace, slowest_first=slowest_first), reverse=True)
    return [_told(trace, link) for trace in found[:SHOWN]]


def _telling(trace: Trace, *, slowest_first: bool) -> tuple[float, float]:
    failed = float(bool(trace.errors))
    return (trace.seconds, failed) if slowest_first else (failed, trace.seconds)


async def _exemplars(subject: Subject, asking: Asking) -> list[Exemplar]:
    if subject.queue:
        query = f"messaging_process_duration_seconds_bucket{{{subject.of_queue()}}}"
    elif subject.services:
        matchers = subject.matchers()
        query = f"http_server_request_duration_seconds_bucket{{{matchers},{_ENDLESS}}}"
    else:
        return []
    return await asking.prometheus.exemplars(query, subject.close, subject.end)


def _candidates(exemplars: list[Exemplar], slowest_first: bool) -> list[Exemplar]:
    """Some failed, newest first, and some slow, each trace once."""
    usable = [one for one in exemplars if one.trace_id and _TRACE_ID.fullmatch(one.trace_id)]
    failed = [one for one in reversed(usable) if _failed(one)][:_ERRORS_TRIED]
    slow = sorted(usable, key=lambda one: one.value, reverse=True)[:_SLOWEST_TRIED]
    ordered = slow + failed if slowest_first else failed + slow
    return list({str(one.trace_id): one for one in reversed(ordered)}.values())[::-1]


def _failed(one: Exemplar) -> bool:
    status = one.series.get("http_response_status_code", "")
    return status.startswith("5") or one.series.get("outcome") == "error"


async def _fetched(exemplars: list[Exemplar], asking: Asking) -> list[Trace]:
    asked = (asking.jaeger.trace(str(one.trace_id)) for one in exemplars)
    return [trace for trace in await asyncio.gather(*asked) if trace]


async def _searched(subject: Subject, asking: Asking) -> list[Trace]:
    limit = _SEARCHED_OF_QUEUE if subject.queue else _SEARCHED
    searches = [
        Search(service, subject.close, subject.end, attributes=attributes, limit=limit)
        for service in subject.services[:_SERVICES_SEARCHED]
        for attributes in _attributes(subject.queue)
    ]
    answers = await asyncio.gather(*(asking.jaeger.search(search) for search in searches))
    return list({trace.trace_id: trace for traces in answers for trace in traces}.values())


def _attributes(queue: str | None) -> tuple[dict[str, str], ...]:
    """What tells a trace: that it failed, or that it went to or through the queue."""
    if queue is None:
        return {"error": "true"}, {}
    through = {"messaging.destination.name": queue}
    return {"error": "true"} | through, through, {"messaging.operation.type": "send"}


def _told(trace: Trace, link: Callable[[str], str]) -> TraceEvidence:
    root = trace.root
    return TraceEvidence(
        trace_id=trace.trace_id,
        service=root.service,
        name=root.name[:_TEXT],
        at=datetime.fromtimestamp(root.start / 1e9, UTC),
        seconds=trace.seconds,
        errors=trace.errors,
        cause=_cause(trace),
        link=link(trace.trace_id),
    )


def _unseen(one: Exemplar, link: Callable[[str], str]) -> TraceEvidence:
    """What an exemplar alone tells, while Jaeger is away."""
    labels = one.series
    name = " ".join(labels[key] for key in ("http_request_method", "http_route") if key in labels)
    status = labels.get("http_response_status_code", "")
    return TraceEvidence(
        trace_id=str(one.trace_id),
        service=labels.get("service_name", ""),
        name=name or labels.get(QUEUE, ""),
        at=datetime.fromtimestamp(one.at, UTC),
        seconds=one.value,
        errors=int(_failed(one)),
        cause=f"status {status}" if status else "",
        known=False,
        link=link(str(one.trace_id)),
    )


def _cause(trace: Trace) -> str:
    """The innermost span that failed; among equals the first: `checkout POST /orders: …`."""
    failed = [span for span in trace.spans if span.error]
    parents = {span.parent_id for span in failed}
    innermost = next((span for span in failed if span.span_id not in parents), None)
    if innermost is None:
        return ""
    return f"{innermost.service} {innermost.name}: {_reason(innermost)}"[:_TEXT]


def _reason(span: Span) -> str:
    for event in span.events:
        kind = event.attributes.get("exception.type")
        if kind:
            return f"{kind} {event.attributes.get('exception.message') or ''}".strip()
    status = span.attributes.get("http.response.status_code")
    return span.status_message or (f"status {status}" if status else "error")
