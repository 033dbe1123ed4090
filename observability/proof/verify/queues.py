"""Edges through queues: each consumer's span belongs to its producer's, and the service map knows.

What must be there is what the services' own figures name: queues, publishers and consumers.
"""

from dataclasses import dataclass

from observability.proof.verify.finding import Finding
from observability.proof.verify.hops import CHECK, traces_of
from observability.proof.verify.live import Live, eventually, for_each
from observability.proof.verify.service_map import on_map
from observability.query import Span, Trace

_TRACES = 5
_KIND = "messaging"
_QUEUE = "messaging_destination_name"
_HANDLED = "increase(messaging_process_duration_seconds_count[10m])"
_PUBLISHED = "increase(messaging_publish_total[10m])"


@dataclass(frozen=True)
class Handled:
    """A queue's messages in the traces: what was found, and who published to whom."""

    finding: Finding
    edges: frozenset[tuple[str, str]] = frozenset()


async def check(live: Live) -> list[Finding]:
    """Findings of every queue and everybody who publishes."""
    consumers = await _pairs(live, _HANDLED)
    publishers = {service for _, service in await _pairs(live, _PUBLISHED)}
    handled = await for_each(consumers, lambda pair: _handled(live, *pair))
    edges = frozenset().union(*(one.edges for one in handled))
    return [
        *(one.finding for one in handled),
        *await _idle(live, {queue for queue, _ in consumers}),
        *await for_each(sorted(edges), lambda edge: on_map(live, _KIND, *edge)),
        *await for_each(sorted(publishers), lambda client: on_map(live, _KIND, client)),
    ]


async def _pairs(live: Live, increase: str) -> list[tuple[str, str]]:
    """(queue, service) of messages lately."""
    samples = await live.prometheus.instant(f"sum by ({_QUEUE}, service_name) ({increase}) > 0")
    return sorted((one.labels[_QUEUE], one.labels["service_name"]) for one in samples)


async def _idle(live: Live, busy: set[str]) -> list[Finding]:
    """Queues that there are, of which nobody has taken anything."""
    samples = await live.prometheus.instant(f"group by ({_QUEUE}) (messaging_queue_depth)")
    detail = "no message of it was handled in the last 10 minutes: who should?"
    return [
        Finding(CHECK, f"queue in one trace: {queue}", False, detail)
        for queue in sorted({one.labels[_QUEUE] for one in samples} - busy)
    ]


async def _handled(live: Live, queue: str, service: str) -> Handled:
    """The consumer's span is a child of the producer's, and linked to it; each finds the other."""
    subject = f"queue in one trace: {queue} → {service}"

    async def newest() -> list[tuple[Trace, Span]]:
        traces = await traces_of(live, service, f"process {queue}", _TRACES)
        return [(trace, span) for trace in traces for span in _consumed(trace, service, queue)]

    found = await eventually(newest)
    if not found:
        detail = f"no fresh span `process {queue}` of {service} in Jaeger"
        return Handled(Finding(CHECK, subject, False, detail))
    broken = [why for trace, span in found if (why := _broken(trace, span))]
    if broken:
        detail = f"{len(broken)} of {len(found)} messages: {broken[0]}"
        return Handled(Finding(CHECK, subject, False, detail))
    producers = [parent for trace, span in found if (parent := _parent(trace, span))]
    came = f"{producers[0].service}: {producers[0].name}"
    detail = f"{came} → process {queue}, {len(found)} messages, both ways and linked"
    edges = frozenset((one.service, service) for one in producers)
    return Handled(Finding(CHECK, subject, True, detail), edges)


def _consumed(trace: Trace, service: str, queue: str) -> list[Span]:
    return [
        span
        for span in trace.spans
        if (span.service, span.kind) == (service, "consumer")
        and span.attributes.get("messaging.destination.name") == queue
    ]


def _broken(trace: Trace, span: Span) -> str | None:
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
