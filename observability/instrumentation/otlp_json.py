"""OTLP as JSON: spans and log records by orjson, a tenth of the time that protobuf takes.

Identifiers are hexadecimal and 64-bit integers are text, as the OTLP specification says. What
JSON or the collector could not take never gets into a request, where it would cost all the
others: it is replaced here, or the record is refused by :meth:`pack`.
"""

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    SpanContext,
    StatusCode,
    format_span_id,
    format_trace_id,
)

from observability.instrumentation.log_records import SCOPE, SEVERITY, LogEntry, QueuedLog
from observability.instrumentation.values import MAX_INTEGER, UNENCODABLE, text
from observability.instrumentation.wire import Groups, Packed, grouped

T = TypeVar("T")
Json = dict[str, Any]

CONTENT_TYPE = "application/json"
MAX_DEPTH = 16
# What OTLP says in the flags of spans and links: that it is known whether the other is remote.
_REMOTE_KNOWN, _REMOTE = 0x100, 0x200


class _Frame(NamedTuple):
    """What stands around the records of one resource and scope."""

    head: bytes
    tail: bytes


class _JsonFormat(Generic[T]):
    """What spans and logs have in common; see :class:`~.wire.WireFormat`."""

    content_type = CONTENT_TYPE
    _outer: str
    _scopes: str
    _records: str
    _rejected: str

    def __init__(self) -> None:
        self._frames = Groups(self._frame)

    def request(self, packed: Sequence[Packed]) -> bytes:
        """Join records into the body of one request."""
        parts = [frame.head + b",".join(bodies) + frame.tail for frame, bodies in grouped(packed)]
        return b'{"%s":[%s]}' % (self._outer.encode(), b",".join(parts))

    def rejected(self, answer: bytes) -> int:
        """Read how many records a successful answer says were not taken."""
        partial = orjson.loads(answer).get("partialSuccess") or {}
        return int(partial.get(self._rejected) or 0)

    def _frame(self, resource: Resource, scope: InstrumentationScope | None) -> _Frame:
        described = {"attributes": _attributes(resource.attributes)}
        named = {} if scope is None else _scope(scope)
        head = b'{"resource":%s,"%s":[{"scope":%s,"%s":[' % (
            _dumps(described),
            self._scopes.encode(),
            _dumps(named),
            self._records.encode(),
        )
        schemas = _dumps((scope.schema_url if scope else "") or ""), _dumps(resource.schema_url)
        return _Frame(head, b'],"schemaUrl":%s}],"schemaUrl":%s}' % schemas)


class JsonSpans(_JsonFormat[ReadableSpan]):
    """Spans as OTLP/JSON."""

    _outer, _scopes, _records = "resourceSpans", "scopeSpans", "spans"
    _rejected = "rejectedSpans"

    def pack(self, item: ReadableSpan) -> Packed:
        """Encode one span."""
        frame = self._frames.of(item.resource, item.instrumentation_scope)
        return Packed(frame, _compact(_span(item)))


class JsonLogs(_JsonFormat[QueuedLog]):
    """Log records as OTLP/JSON.

    Args:
        resource: returns that of our own entries; records of OpenTelemetry's API bring theirs.
    """

    _outer, _scopes, _records = "resourceLogs", "scopeLogs", "logRecords"
    _rejected = "rejectedLogRecords"

    def __init__(self, resource: Callable[[], Resource]) -> None:
        super().__init__()
        self._resource = resource

    def pack(self, item: QueuedLog) -> Packed:
        """Encode one log record."""
        if isinstance(item, LogEntry):
            frame = self._frames.of(self._resource(), SCOPE)
            return Packed(frame, _compact(_entry(item)))
        frame = self._frames.of(item.resource, item.instrumentation_scope)
        return Packed(frame, _compact(_record(item)))


def _compact(record: Json) -> bytes:
    # orjson leaves what it reserved attached to what it returns: kilobytes for each record.
    return memoryview(_dumps(record)).tobytes()


def _dumps(value: Json | str) -> bytes:
    try:
        return orjson.dumps(value)
    except UNENCODABLE:
        return orjson.dumps(_cleaned(value))


def _cleaned(value: Any) -> Any:
    """Replace text that is not Unicode, the only thing here that JSON may not take."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {key: _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cleaned(inner) for inner in value]
    return value


def _span(span: ReadableSpan) -> Json:
    context, parent, status = span.get_span_context(), span.parent, span.status
    if context is None:
        raise ValueError("a span without a context")
    record: Json = {
        "traceId": format_trace_id(context.trace_id),
        "spanId": format_span_id(context.span_id),
        "flags": _flags(parent),
        "name": span.name,
        "kind": span.kind.value + 1,
        "startTimeUnixNano": _nanoseconds(span.start_time),
        "endTimeUnixNano": _nanoseconds(span.end_time),
        "attributes": _attributes(span.attributes),
        "status": {},
    }
    if parent is not None:
        record["parentSpanId"] = format_span_id(parent.span_id)
    if context.trace_state:
        record["traceState"] = context.trace_state.to_header()
    if status.status_code is not StatusCode.UNSET:
        record["status"] = {"code": status.status_code.value, "message": status.description or ""}
    if events := span.events:
        record["events"] = [_event(event) for event in events]
    if links := span.links:
        record["links"] = [_link(link) for link in links]
    for name, count in (
        ("droppedAttributesCount", span.dropped_attributes),
        ("droppedEventsCount", span.dropped_events),
        ("droppedLinksCount", span.dropped_links),
    ):
        if count:
            record[name] = count
    return record


def _event(event: Event) -> Json:
    return {
        "name": event.name,
        "timeUnixNano": _nanoseconds(event.timestamp),
        "attributes": _attributes(event.attributes),
        "droppedAttributesCount": event.dropped_attributes,
    }


def _link(link: Link) -> Json:
    return {
        "traceId": format_trace_id(link.context.trace_id),
        "spanId": format_span_id(link.context.span_id),
        "flags": _flags(link.context),
        "attributes": _attributes(link.attributes),
        "droppedAttributesCount": link.dropped_attributes,
    }


def _flags(other: SpanContext | None) -> int:
    return _REMOTE_KNOWN | _REMOTE if other is not None and other.is_remote else _REMOTE_KNOWN


def _entry(entry: LogEntry) -> Json:
    """Encode one of our own records, whose fields are flat by now."""
    fields = {**entry.fields, "level": entry.level, "log_stream": entry.stream}
    created = str(entry.created_ns)
    record: Json = {
        "timeUnixNano": created,
        "observedTimeUnixNano": created,
        "severityNumber": SEVERITY.get(entry.level, SEVERITY["info"]),
        "severityText": entry.level.upper(),
        "body": {"stringValue": entry.event},
        "attributes": _pairs(fields),
    }
    if entry.dropped:
        record["droppedAttributesCount"] = entry.dropped
    context = entry.context
    if context.is_valid:
        record["traceId"] = format_trace_id(context.trace_id)
        record["spanId"] = format_span_id(context.span_id)
        record["flags"] = int(context.trace_flags)
    return record


def _record(readable: ReadableLogRecord) -> Json:
    """Encode a record made with OpenTelemetry's own logs API."""
    log = readable.log_record
    record: Json = {
        "timeUnixNano": _nanoseconds(log.timestamp),
        "observedTimeUnixNano": _nanoseconds(log.observed_timestamp),
        "severityText": log.severity_text or "",
        "attributes": _attributes(log.attributes),
        "droppedAttributesCount": readable.dropped_attributes,
        "flags": int(log.trace_flags or 0),
        "eventName": log.event_name or "",
    }
    if log.severity_number is not None:
        record["severityNumber"] = log.severity_number.value
    if log.body is not None:
        record["body"] = _value(log.body)
    if log.trace_id:
        record["traceId"] = format_trace_id(log.trace_id)
    if log.span_id:
        record["spanId"] = format_span_id(log.span_id)
    return record


def _scope(scope: InstrumentationScope) -> Json:
    return {
        "name": scope.name,
        "version": scope.version or "",
        "attributes": _attributes(scope.attributes),
    }


def _attributes(attributes: Any) -> list[Json]:
    if not attributes:
        return []
    # A copy of the SDK's own mapping is a plain dict, ten times quicker to walk through.
    return _pairs(attributes.copy())


def _pairs(attributes: Mapping[str, Any]) -> list[Json]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any, depth: int = 0) -> Json:
    """Return OTLP's form of a value of any type."""
    kind = type(value)
    if kind is str:
        return {"stringValue": value}
    if kind is bool:
        return {"boolValue": value}
    if kind is int and -MAX_INTEGER <= value < MAX_INTEGER:
        return {"intValue": str(value)}
    if kind is float:
        return {"doubleValue": value if math.isfinite(value) else _not_finite(value)}
    if value is None:
        return {}
    return _rare_value(value, depth)


def _rare_value(value: Any, depth: int) -> Json:
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if depth < MAX_DEPTH and isinstance(value, Mapping):
        inner = [{"key": str(key), "value": _value(one, depth + 1)} for key, one in value.items()]
        return {"kvlistValue": {"values": inner}}
    if depth < MAX_DEPTH and isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_value(one, depth + 1) for one in value]}}
    return _value(_plain(value), depth)


def _plain(value: Any) -> int | float | str:
    """Return the number or text that an enumeration or another library's number stands for."""
    if isinstance(value, int) and -MAX_INTEGER <= value < MAX_INTEGER:
        return int(value)
    if isinstance(value, float):
        return float(value)
    return str.__str__(value) if isinstance(value, str) else text(value)


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _nanoseconds(moment: float | None) -> str:
    return str(max(int(moment or 0), 0))
