"""OTLP as protobuf, for collectors that take nothing else: ``OTEL_EXPORTER_OTLP_PROTOCOL``.

Loaded only when asked for, as protobuf takes some megabytes.
"""

from collections.abc import Callable, Sequence

from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.common._internal.trace_encoder import _encode_span
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import INVALID_SPAN_CONTEXT

from observability.instrumentation.log_records import SCOPE, SEVERITY, LogEntry, QueuedLog
from observability.instrumentation.wire import Groups, Packed, grouped

CONTENT_TYPE = "application/x-protobuf"


class ProtobufSpans:
    """Spans as protobuf; see :class:`~observability.instrumentation.wire.WireFormat`."""

    content_type = CONTENT_TYPE

    def __init__(self) -> None:
        self._frames = Groups(_frame_of_spans)

    def pack(self, item: ReadableSpan) -> Packed:
        """Encode one span."""
        frame = self._frames.of(item.resource, item.instrumentation_scope)
        # The public encoder describes resource and scope anew each time, twice the work.
        return Packed(frame, _encode_span(item).SerializeToString())

    def request(self, packed: Sequence[Packed]) -> bytes:
        """Join spans into the body of one request."""
        request = ExportTraceServiceRequest()
        for frame, bodies in grouped(packed):
            part = request.resource_spans.add()
            part.CopyFrom(frame)
            for body in bodies:
                part.scope_spans[0].spans.add().ParseFromString(body)
        encoded: bytes = request.SerializeToString()
        return encoded

    def rejected(self, answer: bytes) -> int:
        """Read how many spans a successful answer says were not taken."""
        return int(ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans)


class ProtobufLogs:
    """Log records as protobuf; see :class:`~observability.instrumentation.wire.WireFormat`.

    Args:
        resource: returns that of our own entries; records of OpenTelemetry's API bring theirs.
    """

    content_type = CONTENT_TYPE

    def __init__(self, resource: Callable[[], Resource]) -> None:
        self._resource = resource
        self._frames = Groups(_frame_of_logs)

    def pack(self, item: QueuedLog) -> Packed:
        """Encode one log record."""
        if isinstance(item, LogEntry):
            frame = self._frames.of(self._resource(), SCOPE)
            return Packed(frame, _entry(item).SerializeToString())
        [encoded] = encode_logs([item]).resource_logs[0].scope_logs[0].log_records
        frame = self._frames.of(item.resource, item.instrumentation_scope)
        return Packed(frame, encoded.SerializeToString())

    def request(self, packed: Sequence[Packed]) -> bytes:
        """Join log records into the body of one request."""
        request = ExportLogsServiceRequest()
        for frame, bodies in grouped(packed):
            part = request.resource_logs.add()
            part.CopyFrom(frame)
            for body in bodies:
                part.scope_logs[0].log_records.add().ParseFromString(body)
        encoded: bytes = request.SerializeToString()
        return encoded

    def rejected(self, answer: bytes) -> int:
        """Read how many log records a successful answer says were not taken."""
        partial = ExportLogsServiceResponse.FromString(answer).partial_success
        return int(partial.rejected_log_records)


def _frame_of_spans(resource: Resource, scope: InstrumentationScope | None) -> ResourceSpans:
    """Describe a resource and a scope as the SDK's encoder does, around no span."""
    sample = ReadableSpan(
        "", context=INVALID_SPAN_CONTEXT, resource=resource, instrumentation_scope=scope
    )
    frame: ResourceSpans = encode_spans([sample]).resource_spans[0]
    del frame.scope_spans[0].spans[:]
    return frame


def _frame_of_logs(resource: Resource, scope: InstrumentationScope | None) -> logs_pb2.ResourceLogs:
    """Describe a resource and a scope as the SDK's encoder does, around no record."""
    sample = ReadableLogRecord(LogRecord(), resource, scope)
    frame: logs_pb2.ResourceLogs = encode_logs([sample]).resource_logs[0]
    del frame.scope_logs[0].log_records[:]
    return frame


def _entry(entry: LogEntry) -> logs_pb2.LogRecord:
    """Encode one of our own records: making the SDK's objects first takes three times as long."""
    context = entry.context
    traced = context.is_valid
    fields = {**entry.fields, "level": entry.level, "log_stream": entry.stream}
    attributes = [KeyValue(key=key, value=_value(value)) for key, value in fields.items()]
    return logs_pb2.LogRecord(
        time_unix_nano=entry.created_ns,
        observed_time_unix_nano=entry.created_ns,
        severity_text=entry.level.upper(),
        severity_number=SEVERITY.get(entry.level, SEVERITY["info"]),  # type: ignore[arg-type]  # its numbers
        body=AnyValue(string_value=entry.event),
        attributes=attributes,
        dropped_attributes_count=entry.dropped,
        trace_id=context.trace_id.to_bytes(16, "big") if traced else b"",
        span_id=context.span_id.to_bytes(8, "big") if traced else b"",
        flags=context.trace_flags if traced else 0,
    )


def _value(value: str | bool | float) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(double_value=value)
