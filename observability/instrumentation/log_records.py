"""Log records on their way to OTLP."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from opentelemetry._logs import (
    LogRecord,
    get_logger_provider,
    set_logger_provider,
)
from opentelemetry._logs._internal import ProxyLoggerProvider
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.sdk._logs import (
    LoggerProvider,
    LogRecordProcessor,
    ReadableLogRecord,
    ReadWriteLogRecord,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext

from observability.instrumentation.exporting import ExportQueue
from observability.instrumentation.values import attribute, text

SEVERITY = {
    "debug": logs_pb2.SEVERITY_NUMBER_DEBUG,
    "info": logs_pb2.SEVERITY_NUMBER_INFO,
    "warning": logs_pb2.SEVERITY_NUMBER_WARN,
    "error": logs_pb2.SEVERITY_NUMBER_ERROR,
    "critical": logs_pb2.SEVERITY_NUMBER_FATAL,
}
SCOPE = InstrumentationScope("observability")


class LogEntry(NamedTuple):
    """One record, kept as it was logged until the export thread encodes it."""

    created_ns: int
    level: str
    event: str
    stream: str
    context: SpanContext
    fields: Mapping[str, Any]


QueuedLog = LogEntry | ReadableLogRecord


class LogEncoder:
    """Turns queued records into OTLP requests.

    Our own entries are written as protobuf messages at once: making the SDK's objects of them
    first takes three times as long.
    """

    def __init__(self, resource: Resource) -> None:
        self._head = encode_logs([ReadableLogRecord(LogRecord(), resource, SCOPE)])
        del self._head.resource_logs[0].scope_logs[0].log_records[:]

    def __call__(self, entries: Sequence[QueuedLog]) -> bytes:
        """Encode records; the bytes of several calls may be joined into one request."""
        request = ExportLogsServiceRequest()
        request.CopyFrom(self._head)
        own = [_record(entry) for entry in entries if isinstance(entry, LogEntry)]
        request.resource_logs[0].scope_logs[0].log_records.extend(own)
        others = [entry for entry in entries if isinstance(entry, ReadableLogRecord)]
        if others:
            request.MergeFrom(encode_logs(others))
        encoded: bytes = request.SerializeToString()
        return encoded


def _record(entry: LogEntry) -> logs_pb2.LogRecord:
    context = entry.context
    traced = context.is_valid
    attributes = [
        KeyValue(key=str(key), value=_value(value))
        for key, value in entry.fields.items()
        if value is not None
    ]
    attributes.append(KeyValue(key="level", value=AnyValue(string_value=entry.level)))
    attributes.append(KeyValue(key="log_stream", value=AnyValue(string_value=entry.stream)))
    return logs_pb2.LogRecord(
        time_unix_nano=entry.created_ns,
        observed_time_unix_nano=entry.created_ns,
        severity_text=entry.level.upper(),
        severity_number=SEVERITY.get(entry.level, logs_pb2.SEVERITY_NUMBER_INFO),
        body=AnyValue(string_value=text(entry.event)),
        attributes=attributes,
        trace_id=context.trace_id.to_bytes(16, "big") if traced else b"",
        span_id=context.span_id.to_bytes(8, "big") if traced else b"",
        flags=context.trace_flags if traced else 0,
    )


def _value(value: object) -> AnyValue:
    carried = attribute(value)
    if isinstance(carried, str):
        return AnyValue(string_value=carried)
    if isinstance(carried, bool):
        return AnyValue(bool_value=carried)
    if isinstance(carried, int):
        return AnyValue(int_value=carried)
    return AnyValue(double_value=carried)


class QueueLogProcessor(LogRecordProcessor):
    """Hands records made with OpenTelemetry's own logs API to the same queue."""

    def __init__(self, queue: ExportQueue[QueuedLog]) -> None:
        self._queue = queue

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queue the record."""
        resource = log_record.resource or Resource.get_empty()
        scope = log_record.instrumentation_scope
        self._queue.put(ReadableLogRecord(log_record.log_record, resource, scope))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued; see :meth:`ExportQueue.flush`."""
        return self._queue.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what is queued and take no more."""
        self._queue.stop(self._queue.settings.drain_timeout)


def build_provider(resource: Resource, queue: ExportQueue[QueuedLog] | None) -> LoggerProvider:
    """Make the provider behind OpenTelemetry's own logs API; the global one if none is set."""
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    if queue is not None:
        provider.add_log_record_processor(QueueLogProcessor(queue))
    if isinstance(get_logger_provider(), ProxyLoggerProvider):
        set_logger_provider(provider)
    return provider
