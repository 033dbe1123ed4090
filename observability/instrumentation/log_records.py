"""Log records on their way to OTLP."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from opentelemetry._logs import (
    LogRecord,
    SeverityNumber,
    get_logger_provider,
    set_logger_provider,
)
from opentelemetry._logs._internal import ProxyLoggerProvider
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs import (
    LoggerProvider,
    LogRecordProcessor,
    ReadableLogRecord,
    ReadWriteLogRecord,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context
from opentelemetry.util.types import AnyValue

from observability.instrumentation.exporting import ExportQueue
from observability.instrumentation.values import attribute

SEVERITY = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}


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
    """Turns queued records into OTLP requests."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._scope = InstrumentationScope("observability")

    def __call__(self, entries: Sequence[QueuedLog]) -> bytes:
        """Encode records; the bytes of several calls may be joined into one request."""
        records = [self._record(entry) for entry in entries]
        encoded: bytes = encode_logs(records).SerializeToString()
        return encoded

    def _record(self, entry: QueuedLog) -> ReadableLogRecord:
        if isinstance(entry, ReadableLogRecord):
            return entry
        attributes: dict[str, AnyValue] = {
            str(key): attribute(value) for key, value in entry.fields.items() if value is not None
        }
        attributes["level"] = entry.level
        attributes["log_stream"] = entry.stream
        record = LogRecord(
            timestamp=entry.created_ns,
            observed_timestamp=entry.created_ns,
            context=set_span_in_context(NonRecordingSpan(entry.context)),
            severity_text=entry.level.upper(),
            severity_number=SEVERITY.get(entry.level, SeverityNumber.INFO),
            body=entry.event,
            attributes=attributes,
        )
        return ReadableLogRecord(record, self._resource, self._scope)


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
