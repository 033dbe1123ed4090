"""The real OpenTelemetry Collector takes what is sent, in JSON as in protobuf."""

import math
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags

from observability.instrumentation.delivery import log_queue, span_queue
from observability.instrumentation.log_records import LogEntry, QueuedLog
from observability.instrumentation.settings import (
    EndpointSettings,
    QueueSettings,
    SignalSettings,
)
from tests.integration.instrumentation.otlp_receiver import Receiver, serving
from tests.support.ports import free_ports
from tests.support.real_servers import executable
from tests.support.waiting import eventually

CONFIGURATION = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}
exporters:
  otlphttp: {{endpoint: "http://127.0.0.1:{receiver}", compression: none}}
extensions:
  health_check: {{endpoint: "127.0.0.1:{health}"}}
service:
  extensions: [health_check]
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlphttp]}}
    logs: {{receivers: [otlp], exporters: [otlphttp]}}
"""
RESOURCE = Resource({"service.name": "real", "replicas": 2})
REMOTE = SpanContext(2**100 + 7, 2**60 + 3, is_remote=True, trace_flags=TraceFlags(1))


@dataclass
class Collector:
    """A running one, and who gets what it took."""

    url: str
    receiver: Receiver


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    receiver = Receiver()
    port, health = free_ports(2)
    with serving(receiver) as receiver_port, (tmp_path / "collector.log").open("wb") as log:
        configuration = tmp_path / "collector.yaml"
        configuration.write_text(
            CONFIGURATION.format(port=port, receiver=receiver_port, health=health)
        )
        process = subprocess.Popen(
            [executable("collector"), f"--config={configuration}"], stdout=log, stderr=log
        )
        try:
            eventually(lambda: answers(f"http://127.0.0.1:{health}"), what="a ready collector")
            yield Collector(f"http://127.0.0.1:{port}", receiver)
        finally:
            process.terminate()
            process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.ConnectError:
        return False


def signal(collector: Collector, name: str, protocol: str) -> SignalSettings:
    endpoint = EndpointSettings(f"{collector.url}/v1/{name}", protocol)
    return SignalSettings(endpoint, QueueSettings(delay=0.01))


def odd_spans() -> list[ReadableSpan]:
    """What a JSON reader could stumble over."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("lib", "2.0", "https://schema/lib", {"scoped": True})
    odd = tracer.start_span(
        'quoted "✓"\n\u2028',
        kind=SpanKind.PRODUCER,
        links=[Link(REMOTE, {"why": "retry"})],
        attributes={
            "yes": True,
            "least": -(2**63),
            "most": 2**63 - 1,
            "real": 1e300,
            "endless": math.inf,
            "less": -math.inf,
            "no_number": math.nan,
            "raw": b"\x00\xff",
            "list": ["a", "b"],
            "empty": "",
            "tree": {"a": {"b": [1, 2.5, None]}},
        },
    )
    odd.set_status(StatusCode.ERROR, "no luck")
    odd.add_event("noted", {"n": 1})
    odd.end()
    tracer.start_span("bare").end()
    return list(kept.get_finished_spans())


def test_the_collector_takes_the_same_spans_in_json_and_in_protobuf(collector: Collector) -> None:
    """Nothing is refused, and what it passes on does not tell how it came."""
    spans = odd_spans()
    came = []
    for protocol in ("http/json", "http/protobuf"):
        queue = span_queue(signal(collector, "traces", protocol))
        assert queue is not None
        for span in spans:
            queue.put(span)
        assert queue.stop(10)
        assert (queue.exported, sum(queue.dropped.values())) == (2, 0)
        eventually(lambda: len(collector.receiver.spans) == 2, what="both spans")
        came.append(sorted(str(span) for span in collector.receiver.spans))
        collector.receiver.spans.clear()
    assert came[0] == came[1]


def test_the_collector_takes_the_same_records_in_json_and_in_protobuf(
    collector: Collector,
) -> None:
    """Our own entries and those of OpenTelemetry's API."""
    entry = LogEntry(7, "error", 'an "event"', "audit", REMOTE, {"a": 2**63 - 1, "b": "ü"})
    record = LogRecord(timestamp=5, observed_timestamp=6, body={"what": ["a", 1]}, event_name="e")
    items: list[QueuedLog] = [entry, ReadableLogRecord(record, RESOURCE)]
    came = []
    for protocol in ("http/json", "http/protobuf"):
        queue = log_queue(signal(collector, "logs", protocol), lambda: RESOURCE)
        assert queue is not None
        for item in items:
            queue.put(item)
        assert queue.stop(10)
        assert (queue.exported, sum(queue.dropped.values())) == (2, 0)
        eventually(lambda: len(collector.receiver.logs) == 2, what="both records")
        came.append(sorted(str(log) for log in collector.receiver.logs))
        collector.receiver.logs.clear()
    assert came[0] == came[1]
