"""What goes over the wire: the same in JSON as in protobuf, whatever is in it."""

import decimal
import math
import sys
import tracemalloc
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from fastapi import FastAPI
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
)

from observability.instrumentation.delivery import log_format, span_format
from observability.instrumentation.log_records import LogEntry, QueuedLog
from observability.instrumentation.values import attribute
from tests.support import otlp_messages
from tests.unit.instrumentation.conftest import Observed

Fields = dict[str, str | bool | int | float]
PROTOCOLS = ["http/json", "http/protobuf"]
RESOURCE = Resource({"service.name": "s", "replicas": 2}, "https://schema/resource")
REMOTE = SpanContext(2**100 + 7, 2**60 + 3, is_remote=True, trace_flags=TraceFlags(1))
OTHER = InstrumentationScope("other", "1.2", "https://schema/scope", {"kind": "test"})


class Measured(float):
    """A number of another library, such as numpy's."""


@pytest.fixture
def spans(observe: Callable[[FastAPI], Observed]) -> list[ReadableSpan]:
    """Two finished spans: one that has everything, one that has next to nothing."""
    observed = observe(FastAPI())
    tracer = observed.telemetry.tracer_provider.get_tracer("lib", "2.0", "https://schema/lib")
    rich = tracer.start_span(
        "rich ✓",
        kind=SpanKind.CLIENT,
        links=[Link(REMOTE, {"why": "retry"})],
        attributes={
            "text": "äöü",
            "yes": True,
            "whole": -(2**63),
            "real": 1.5,
            "endless": math.inf,
            "raw": b"\x00\xff",
            "list": ["a", "b"],
            "tree": {"a": {"b": [1, 2.5]}},
        },
    )
    rich.set_status(StatusCode.ERROR, "no luck")
    rich.add_event("noted", {"n": 1}, timestamp=1_700_000_000_000_000_001)
    rich.end()
    observed.telemetry.tracer.start_span("bare", kind=SpanKind.CONSUMER).end()
    return observed.spans


def decoded_spans(protocol: str, spans: list[ReadableSpan]) -> Any:
    wire = span_format(protocol)
    body = wire.request([wire.pack(span) for span in spans])
    return otlp_messages.traces(body, wire.content_type)


def decoded_logs(protocol: str, items: list[QueuedLog]) -> Any:
    wire = log_format(protocol, lambda: RESOURCE)
    body = wire.request([wire.pack(item) for item in items])
    return otlp_messages.logs(body, wire.content_type)


def test_spans_are_the_same_in_json_and_in_protobuf(spans: list[ReadableSpan]) -> None:
    """Every part of a span: ids, flags, times, kinds, values of all types, events, links."""
    as_json, as_protobuf = (decoded_spans(protocol, spans) for protocol in PROTOCOLS)
    assert as_json == as_protobuf
    [library, own] = as_json.resource_spans
    assert library.scope_spans[0].scope.name == "lib"
    assert own.scope_spans[0].spans[0].kind == 5


def test_a_child_of_a_remote_parent_is_the_same_in_both(
    observe: Callable[[FastAPI], Observed],
) -> None:
    """Parent, trace state and the flag that the parent is elsewhere."""
    state = TraceState([("vendor", "x1"), ("other", "2")])
    parent = SpanContext(REMOTE.trace_id, REMOTE.span_id, True, TraceFlags(1), state)
    span = ReadableSpan(
        "child",
        context=SpanContext(REMOTE.trace_id, 5, False, TraceFlags(1), state),
        parent=parent,
        resource=RESOURCE,
        instrumentation_scope=OTHER,
        attributes={"a": 1},
        start_time=1,
        end_time=2,
    )
    as_json, as_protobuf = (decoded_spans(protocol, [span]) for protocol in PROTOCOLS)
    assert as_json == as_protobuf
    found = as_json.resource_spans[0].scope_spans[0].spans[0]
    assert found.flags & 0x200
    assert found.trace_state == "vendor=x1,other=2"


def test_records_of_the_logs_api_are_the_same_in_both() -> None:
    """Bodies and attributes of any shape, with and without a span."""
    record = LogRecord(
        timestamp=5,
        observed_timestamp=6,
        severity_text="WARN",
        severity_number=SeverityNumber.WARN2,
        body={"what": ["a", 1, None]},
        attributes={"n": 1},
        event_name="happened",
    )
    items: list[QueuedLog] = [
        ReadableLogRecord(record, RESOURCE, OTHER),
        ReadableLogRecord(LogRecord(observed_timestamp=1, body="text"), RESOURCE, None),
    ]
    as_json, as_protobuf = (decoded_logs(protocol, items) for protocol in PROTOCOLS)
    assert as_json == as_protobuf
    assert len(as_json.resource_logs) == 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_record_over_otlp_has_what_the_line_has(protocol: str) -> None:
    """Body is the event; severity, level, stream and fields are there; nested ones as JSON."""
    fields: Fields = {"order_id": "o1", "cents": 5, "lines": attribute([{"id": 1}])}
    now = 1_700_000_000_000_000_000
    entry = LogEntry(now, "warning", "e", "audit", INVALID_SPAN_CONTEXT, fields, 3)
    [resource] = decoded_logs(protocol, [entry]).resource_logs
    [record] = resource.scope_logs[0].log_records
    assert record.body.string_value == "e"
    assert record.severity_number == SeverityNumber.WARN.value
    assert record.time_unix_nano == entry.created_ns
    assert record.trace_id == b""
    assert record.dropped_attributes_count == 3
    attributes = {pair.key: pair.value for pair in record.attributes}
    assert attributes.keys() == {"order_id", "cents", "lines", "level", "log_stream"}
    assert attributes["cents"].int_value == 5
    assert attributes["lines"].string_value == '[{"id":1}]'
    assert attributes["log_stream"].string_value == "audit"
    assert attributes["level"].string_value == "warning"


def test_our_own_entries_are_the_same_in_both() -> None:
    """With a span and fields of all types."""
    fields: Fields = {"text": "ä", "yes": False, "whole": 2**63 - 1, "real": -0.5}
    entry = LogEntry(7, "error", "odd", "app", REMOTE, fields)
    as_json, as_protobuf = (decoded_logs(protocol, [entry]) for protocol in PROTOCOLS)
    assert as_json == as_protobuf


def test_what_json_has_no_form_for_costs_nobody_else(
    observe: Callable[[FastAPI], Observed],
) -> None:
    """Text that is not Unicode, numbers beyond 64 bits, objects: replaced, not refused."""
    observed = observe(FastAPI())
    odd: dict[str, Any] = {
        "surrogate": "\ud800",
        "huge": 10**30,
        "none": math.nan,
        "measured": Measured(2.5),
        "status": HTTPStatus.OK,
    }
    observed.telemetry.tracer.start_span("odd \udcff", attributes=odd).end()
    [span] = decoded_spans("http/json", observed.spans).resource_spans[0].scope_spans[0].spans
    found = {pair.key: pair.value for pair in span.attributes}
    assert span.name == "odd ?"
    assert found["surrogate"].string_value == "?"
    assert found["huge"].string_value == str(10**30)
    assert math.isnan(found["none"].double_value)
    assert found["measured"].double_value == 2.5
    assert found["status"].int_value == 200


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_request_names_each_resource_and_scope_once(
    protocol: str, spans: list[ReadableSpan]
) -> None:
    """However the records of several libraries follow each other."""
    found = decoded_spans(protocol, spans * 5)
    assert len(found.resource_spans) == 2
    assert [len(one.scope_spans[0].spans) for one in found.resource_spans] == [5, 5]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_decimals_and_the_like_are_text(protocol: str) -> None:
    """A field of any type has become flat before it is encoded."""
    fields: Fields = {"price": attribute(decimal.Decimal("1.50"))}
    entry = LogEntry(7, "loud", "odd", "app", INVALID_SPAN_CONTEXT, fields)
    [resource] = decoded_logs(protocol, [entry]).resource_logs
    [record] = resource.scope_logs[0].log_records
    assert record.attributes[0].value.string_value == "1.50"
    assert record.severity_number == SeverityNumber.INFO.value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_waits_takes_no_more_memory_than_its_bytes(
    protocol: str, spans: list[ReadableSpan]
) -> None:
    """Nothing that was reserved for encoding stays attached to what is held."""
    wire = span_format(protocol)
    wire.pack(spans[1])
    tracemalloc.start()
    packed = [wire.pack(spans[1]) for _ in range(1000)]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1.2 * sum(sys.getsizeof(one.body) + sys.getsizeof(one) for one in packed)
