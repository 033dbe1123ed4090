"""Every way from one signal to another, walked in both directions for each service."""

import time

from observability.proof.verify.finding import Finding
from observability.proof.verify.live import Live, eventually, for_each
from observability.query import Exemplar, LogLine, Search, Span, Trace

CHECK = "hop"
#: What a service measures of its own work, by request and by message.
MEASURED = "http_server_request_duration_seconds|messaging_process_duration_seconds"
_SPAN_METRICS = "traces_span_metrics_duration_seconds_bucket"
#: How many of the freshest exemplars or lines are followed before a hop counts as broken.
_TRIES = 3


async def check(live: Live) -> list[Finding]:
    """The findings of every service that is scraped."""
    found = await for_each(await live.services(), lambda name: check_service(live, name))
    return [finding for one in found for finding in one]


async def check_service(live: Live, service: str) -> list[Finding]:
    """Metric → trace → logs → trace → metric, and span metrics → trace, of one service."""
    own = f'{{__name__=~"({MEASURED})_bucket",service_name="{service}"}}'
    first, trace = await _metric_to_trace(live, service, own, "metric → trace")
    findings = [first]
    if trace is not None:
        findings += await _trace_to_logs(live, service, trace)
        findings += await _span_to_metrics(live, service, trace)
    findings.append(await _logs_to_trace(live, service))
    spans = f'{_SPAN_METRICS}{{service_name="{service}"}}'
    seen, _ = await _metric_to_trace(live, service, spans, "span metric → trace")
    return [*findings, seen]


async def _metric_to_trace(
    live: Live, service: str, selector: str, way: str
) -> tuple[Finding, Trace | None]:
    """An exemplar whose trace Jaeger has, with the service in it."""
    subject = f"{way}: {service}"

    async def fresh() -> list[Exemplar]:
        found = await live.prometheus.exemplars(selector, live.since, time.time())
        return [one for one in found if one.trace_id]

    exemplars = await eventually(fresh)
    if not exemplars:
        return Finding(CHECK, subject, False, f"no exemplar with a trace id on {selector}"), None

    async def followed() -> Trace | None:
        for exemplar in reversed(exemplars[-_TRIES:]):
            trace = await live.jaeger.trace(exemplar.trace_id or "")
            if trace and service in trace.services:
                return trace
        return None

    trace = await eventually(followed)
    if trace is None:
        ids = ", ".join(str(one.trace_id) for one in exemplars[-_TRIES:])
        return Finding(CHECK, subject, False, f"Jaeger has no trace of it among {ids}"), None
    return Finding(CHECK, subject, True, f"trace {trace.trace_id}"), trace


async def _trace_to_logs(live: Live, service: str, trace: Trace) -> list[Finding]:
    """Lines of the service with the trace's id, each naming a span of the trace."""
    query = f'{{service_name="{service}"}} | trace_id="{trace.trace_id}"'
    problem = f"no line for {query}"

    async def lines() -> list[LogLine]:
        nonlocal problem
        found = await live.loki.lines(query, live.since, time.time() + 1)
        # asked again: spans may still have been on their way
        whole = await live.jaeger.trace(trace.trace_id) or trace
        spans = {span.span_id for span in whole.spans}
        for line in found:
            if line.span_id not in spans:
                problem = f"span id {line.span_id} of “{line.line}” is not in {trace.trace_id}"
                return []
        return found

    found = await eventually(lines)
    subject = f"trace → logs: {service}"
    if not found:
        return [Finding(CHECK, subject, False, problem)]
    return [Finding(CHECK, subject, True, f"{len(found)} lines of {trace.trace_id}")]


async def _logs_to_trace(live: Live, service: str) -> Finding:
    """The trace id of a line is one that Jaeger has, and its span is in it."""
    subject = f"logs → trace: {service}"
    query = f'{{service_name="{service}"}} | trace_id!=""'

    async def followed() -> tuple[LogLine, Trace] | None:
        lines = await live.loki.lines(query, live.since, time.time() + 1, limit=_TRIES)
        for line in lines:
            trace = await live.jaeger.trace(line.trace_id or "")
            if trace and line.span_id in {span.span_id for span in trace.spans}:
                return line, trace
        return None

    found = await eventually(followed)
    if found is None:
        detail = f"no line for {query} whose trace and span Jaeger has: are trace ids logged?"
        return Finding(CHECK, subject, False, detail)
    line, trace = found
    return Finding(CHECK, subject, True, f"“{line.line}” in {trace.trace_id}")


async def _span_to_metrics(live: Live, service: str, trace: Trace) -> list[Finding]:
    """A span's route or queue is a label of a series of the same service."""
    spans = [one for one in trace.spans if one.service == service]
    span = next((one for one in spans if one.kind in {"server", "consumer"}), None)
    subject = f"span → metrics: {service}"
    if span is None:
        kinds = sorted({one.kind for one in spans})
        return [Finding(CHECK, subject, False, f"no server or consumer span, only {kinds}")]
    query = _series_of(span)
    samples = await live.prometheus.instant(query)
    detail = f"{span.name}: {query}" if samples else f"{span.name}: no series for {query}"
    return [Finding(CHECK, subject, bool(samples), detail)]


def _series_of(span: Span) -> str:
    same = f'service_name="{span.service}"'
    if span.kind == "consumer":
        queue = span.attributes.get("messaging.destination.name", "")
        return (
            "messaging_process_duration_seconds_count"
            f'{{{same},messaging_destination_name="{queue}"}}'
        )
    method = span.attributes.get("http.request.method", "")
    route = span.attributes.get("http.route") or "unmatched"
    return (
        "http_server_request_duration_seconds_count"
        f'{{{same},http_request_method="{method}",http_route="{route}"}}'
    )


async def traces_of(live: Live, service: str, operation: str | None, limit: int) -> list[Trace]:
    """The freshest traces of a service, newest first."""
    search = Search(service, live.since, time.time() + 1, operation=operation, limit=limit)
    return await live.jaeger.search(search)
