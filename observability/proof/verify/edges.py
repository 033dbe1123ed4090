"""Edges of the service map: measured, and whole in the traces, those through queues included."""

import time
from dataclasses import dataclass

from observability.proof.verify.finding import Finding
from observability.proof.verify.hops import CHECK, traces_of
from observability.proof.verify.live import Live, eventually, for_each
from observability.query import Search, Span, Trace

_TRACES = 5
GRAPH = "traces_service_graph_calls_total"


@dataclass(frozen=True)
class Edge:
    """One service that calls another, or hands it messages by a queue."""

    client: str
    server: str
    queue: str | None = None

    @property
    def name(self) -> str:
        """For people: `checkout → worker by shipping`."""
        return f"{self.client} → {self.server}" + (f" by {self.queue}" if self.queue else "")


async def check(live: Live) -> list[Finding]:
    """Findings of every edge that the services' own metrics or the spans show."""
    services = await live.services()
    calls = await _calls(live, services)
    found = await for_each(calls, lambda edge: _call(live, edge))
    queues = await _queues(live)
    found += await for_each(queues, lambda pair: _queue(live, *pair))
    seen = await _in_graph(live)
    return [finding for one in found for finding in one] + _compared(calls, seen)


async def _calls(live: Live, services: list[str]) -> list[Edge]:
    """HTTP calls made lately, by the callers' own metrics."""
    samples = await live.prometheus.instant(
        "sum by (service_name, server_address)"
        " (increase(http_client_request_duration_seconds_count[10m])) > 0"
    )
    edges = [Edge(one.labels["service_name"], one.labels["server_address"]) for one in samples]
    return sorted((edge for edge in edges if edge.server in services), key=lambda edge: edge.name)


async def _queues(live: Live) -> list[tuple[str, str]]:
    """Queues that a service consumed from lately: (service, queue)."""
    samples = await live.prometheus.instant(
        "sum by (service_name, messaging_destination_name)"
        " (increase(messaging_process_duration_seconds_count[10m])) > 0"
    )
    return sorted(
        (one.labels["service_name"], one.labels["messaging_destination_name"]) for one in samples
    )


async def _call(live: Live, edge: Edge) -> list[Finding]:
    """The called service's span is the child of the caller's, and the other way round."""

    async def whole() -> tuple[Span, Span] | None:
        for trace in await _with_call(live, edge):
            for span in trace.spans:
                child = _child(trace, span, "server") if _calls_out(span, edge) else None
                if child and child.service == edge.server:
                    return span, child
        return None

    found = await eventually(whole)
    subject = f"call in one trace: {edge.name}"
    if found is None:
        detail = (
            f"in the freshest traces of {edge.client} with such a call, no server span of "
            f"{edge.server} is the child of the client's: is the context carried?"
        )
        return [Finding(CHECK, subject, False, detail)]
    return [Finding(CHECK, subject, True, f"{found[0].name} → {found[1].name}")]


async def _with_call(live: Live, edge: Edge) -> list[Trace]:
    search = Search(
        edge.client,
        live.since,
        time.time() + 1,
        attributes={"peer.service": edge.server},
        limit=_TRACES,
    )
    return await live.jaeger.search(search)


def _calls_out(span: Span, edge: Edge) -> bool:
    peer = span.attributes.get("peer.service")
    return (span.service, span.kind, peer) == (edge.client, "client", edge.server)


async def _queue(live: Live, service: str, queue: str) -> list[Finding]:
    """The consumer's span is a child of the producer's, and linked to it; each finds the other."""
    subject = f"queue in one trace: {queue} → {service}"

    async def newest() -> list[tuple[Trace, Span]]:
        traces = await traces_of(live, service, f"process {queue}", _TRACES)
        return [(trace, span) for trace in traces for span in _consumed(trace, service, queue)]

    found = await eventually(newest)
    if not found:
        detail = f"no fresh span `process {queue}` of {service} in Jaeger"
        return [Finding(CHECK, subject, False, detail)]
    findings = [_whole(trace, span) for trace, span in found]
    broken = [why for why in findings if why]
    if broken:
        detail = f"{len(broken)} of {len(found)} messages: {broken[0]}"
        return [Finding(CHECK, subject, False, detail)]
    trace, span = found[0]
    producer = _parent(trace, span)
    came = f"{producer.service}: {producer.name}" if producer else ""
    detail = f"{came} → {span.name}, {len(found)} messages, both ways and linked"
    return [Finding(CHECK, subject, True, detail)]


def _consumed(trace: Trace, service: str, queue: str) -> list[Span]:
    return [
        span
        for span in trace.spans
        if (span.service, span.kind) == (service, "consumer")
        and span.attributes.get("messaging.destination.name") == queue
    ]


def _whole(trace: Trace, span: Span) -> str | None:
    """What is missing between a consumer's span and its producer's; None if nothing is."""
    producer = _parent(trace, span)
    if producer is None or producer.kind != "producer":
        return f"the consumer's span in {trace.trace_id} has no producer: is the context carried?"
    if producer.span_id not in {link.span_id for link in span.links}:
        return f"the consumer's span in {trace.trace_id} is not linked to its producer"
    if not span.attributes.get("peer.service"):
        return f"the consumer's span in {trace.trace_id} does not say who published"
    return None


def _parent(trace: Trace, span: Span) -> Span | None:
    return next((one for one in trace.spans if one.span_id == span.parent_id), None)


def _child(trace: Trace, span: Span, kind: str) -> Span | None:
    children = (one for one in trace.spans if one.parent_id == span.span_id)
    return next((one for one in children if one.kind == kind), None)


async def _in_graph(live: Live) -> list[tuple[Edge, str]]:
    samples = await live.prometheus.instant(f"sum by (client, server, connection_type) ({GRAPH})")
    return [
        (Edge(one.labels["client"], one.labels["server"]), one.labels["connection_type"])
        for one in samples
        if {"client", "server", "connection_type"} <= one.labels.keys()
    ]


def _compared(calls: list[Edge], seen: list[tuple[Edge, str]]) -> list[Finding]:
    """Callers' metrics and the service graph of the spans agree on who calls whom."""
    graph = {edge for edge, kind in seen if kind == "http"}
    findings = [
        Finding(
            CHECK,
            f"service map has {edge.name}",
            edge in graph,
            "rate, errors and latency" if edge in graph else f"no series of {GRAPH}",
        )
        for edge in calls
    ]
    by_queue = [edge for edge, kind in seen if kind == "messaging"]
    if any(kind == "messaging" for _, kind in seen):
        names = ", ".join(sorted(edge.name for edge in by_queue))
        findings.append(Finding(CHECK, "service map has the queues' edges", True, names))
    return findings
