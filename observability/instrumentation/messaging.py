"""Messages: spans on both sides of a queue in one trace, waiting time, counts."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from observability.instrumentation import metrics, state
from observability.instrumentation.bounded_call import BoundedCall
from observability.instrumentation.health import process
from observability.instrumentation.tracing import tracer

ENQUEUED_AT = "enqueued-at"
"""Header of a message: when it was handed to its queue, in Unix seconds."""
PUBLISHED_BY = "published-by"
_LONGEST_NAME = 100
MAX_QUEUES = 200
WAIT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

_DESTINATION = "messaging_destination_name"
_published = metrics.counter(
    "messaging_publish_total", "Messages handed to the queue.", [_DESTINATION]
)
_processing = metrics.histogram(
    "messaging_process_duration_seconds",
    "Seconds that handling one message took.",
    [_DESTINATION, "outcome"],
)
_waiting = metrics.histogram(
    "messaging_queue_wait_seconds",
    "Seconds that a message waited in the queue before it was handled.",
    [_DESTINATION],
    buckets=WAIT_BUCKETS,
)
_dead = metrics.counter(
    "messaging_dead_letter_total", "Messages given up after their last try.", [_DESTINATION]
)


@contextmanager
def publish_span(
    destination: str,
    headers: MutableMapping[str, str],
    message_id: str | None = None,
    routing_key: str | None = None,
    *,
    system: str = "belfry",
) -> Generator[Span, None, None]:
    """Wrap the publishing of one message in a PRODUCER span and prepare its headers.

    Args:
        destination: the queue or exchange.
        headers: of the message; get the trace context, baggage, the time of queueing and the
            name of this service.
        message_id: shown on the span.
        routing_key: shown on the span.
        system: the kind of broker, such as ``rabbitmq``.
    """
    attributes = _attributes(system, destination, "publish", "send", message_id)
    if routing_key is not None:
        attributes["messaging.destination.routing_key"] = routing_key
    name = f"publish {destination}"
    span = tracer().start_span(name, kind=SpanKind.PRODUCER, attributes=attributes)
    with trace.use_span(span, end_on_exit=True):
        capture_context(headers)
        headers[ENQUEUED_AT] = repr(time.time())
        telemetry = state.current()
        if telemetry is not None:
            headers[PUBLISHED_BY] = telemetry.service_name
        yield span
        _published.labels(destination).inc()


@contextmanager
def process_span(
    destination: str,
    headers: MutableMapping[str, str],
    message_id: str | None = None,
    attempt: int = 1,
    *,
    system: str = "belfry",
) -> Generator[Span, None, None]:
    """Wrap the handling of one message in a CONSUMER span, in the trace of who published it.

    The span is a child of the producer's and linked to it. An exception is noted and passes; a
    handler that is cancelled, as when its process ends, has neither succeeded nor failed.

    Args:
        destination: the queue.
        headers: of the message.
        message_id: shown on the span.
        attempt: 1 for the first delivery.
        system: the kind of broker, such as ``rabbitmq``.
    """
    _dead.labels(destination)  # shown as 0 from the first message on
    parent = _extract(headers)
    producer = trace.get_current_span(parent).get_span_context()
    attributes = _attributes(system, destination, "process", "process", message_id)
    attributes["messaging.message.delivery_attempt"] = attempt
    if PUBLISHED_BY in headers:
        # the other end of this edge of the service map
        attributes["peer.service"] = str(headers[PUBLISHED_BY])[:_LONGEST_NAME]
    waited = _seconds_waited(headers)
    if waited is not None:
        attributes["messaging.message.wait_seconds"] = round(waited, 6)
    span = tracer().start_span(
        f"process {destination}",
        context=parent,
        kind=SpanKind.CONSUMER,
        attributes=attributes,
        links=[Link(producer)] if producer.is_valid else None,
    )
    token = otel_context.attach(trace.set_span_in_context(span, parent))
    start = perf_counter()
    outcome = "cancelled"
    try:
        if waited is not None:
            _waiting.labels(destination).observe(waited)
        yield span
        outcome = "ok"
    except Exception as error:
        outcome = "error"
        span.record_exception(error)
        span.set_attribute("error.type", type(error).__qualname__)
        span.set_status(StatusCode.ERROR, type(error).__qualname__)
        raise
    finally:
        _processing.labels(destination, outcome).observe(perf_counter() - start)
        otel_context.detach(token)
        span.end()


def capture_context(headers: MutableMapping[str, str]) -> MutableMapping[str, str]:
    """Write the current trace context and baggage into ``headers`` and return them.

    Stored with a message that is published later, they let :func:`continued` go on from here.
    """
    try:
        propagate.inject(headers)
    except Exception as error:
        process.failed("messaging", error)
    return headers


@contextmanager
def continued(headers: MutableMapping[str, str]) -> Generator[None, None, None]:
    """Run the block in the trace and with the baggage that ``headers`` carry."""
    token = otel_context.attach(_extract(headers))
    try:
        yield
    finally:
        otel_context.detach(token)


def dead_lettered(destination: str) -> None:
    """Count a message that was given up after its last try."""
    _dead.labels(destination).inc()


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The state of one queue.

    Attributes:
        destination: its name.
        depth: messages in it that are not done with.
        oldest_age_seconds: how long the oldest of them has been in it; 0 when empty.
    """

    destination: str
    depth: int
    oldest_age_seconds: float


def observe_queues(read: Callable[[], Iterable[QueueStats]]) -> None:
    """Show depth and age of queues, read at each scrape.

    Args:
        read: called in a thread of its own, one call at a time. One that takes longer than a
            second, or raises, leaves the scrape with the state read before it, but not for
            long: then the queues are not shown until it can be read again.
    """
    _queues.add(read)


class _Queues(Collector):
    """All observed queues."""

    def __init__(self) -> None:
        self._reads: list[BoundedCall[list[QueueStats]]] = []

    def add(self, read: Callable[[], Iterable[QueueStats]]) -> None:
        self._reads.append(BoundedCall("queues", lambda: list(read())[:MAX_QUEUES], []))

    def collect(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily(
            "messaging_queue_depth", "Messages in the queue not done with.", labels=[_DESTINATION]
        )
        age = GaugeMetricFamily(
            "messaging_queue_oldest_message_age_seconds",
            "How long the oldest message has been in the queue.",
            labels=[_DESTINATION],
        )
        latest = {stats.destination: stats for read in self._reads for stats in read()}
        for name, stats in latest.items():
            depth.add_metric([name], stats.depth)
            age.add_metric([name], stats.oldest_age_seconds)
        yield depth
        yield age


_queues = _Queues()
metrics.registry.register(_queues)


def _attributes(
    system: str, destination: str, operation: str, kind: str, message_id: str | None
) -> dict[str, str | int | float]:
    attributes: dict[str, str | int | float] = {
        "messaging.system": system,
        "messaging.destination.name": destination,
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
    }
    if message_id is not None:
        attributes["messaging.message.id"] = message_id
    return attributes


def _extract(headers: MutableMapping[str, str]) -> Context:
    try:
        return propagate.extract(headers, context=Context())
    except Exception as error:
        process.failed("messaging", error)
        return Context()


def _seconds_waited(headers: MutableMapping[str, str]) -> float | None:
    try:
        waited = time.time() - float(headers[ENQUEUED_AT])
    except (KeyError, ValueError, TypeError):
        return None
    # Clocks of two machines may disagree a little.
    return max(waited, 0.0) if waited < float("inf") else None
