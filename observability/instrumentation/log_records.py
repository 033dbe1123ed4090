"""Log records on their way to OTLP."""

from collections.abc import Mapping
from typing import NamedTuple

from opentelemetry._logs import SeverityNumber, get_logger_provider, set_logger_provider
from opentelemetry._logs._internal import ProxyLoggerProvider
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
from observability.instrumentation.health import process

SEVERITY = {
    "debug": SeverityNumber.DEBUG.value,
    "info": SeverityNumber.INFO.value,
    "warning": SeverityNumber.WARN.value,
    "error": SeverityNumber.ERROR.value,
    "critical": SeverityNumber.FATAL.value,
}
SCOPE = InstrumentationScope("observability")


class LogEntry(NamedTuple):
    """One record of our own pipeline.

    Attributes:
        created_ns: Unix time in nanoseconds.
        level: a key of ``SEVERITY``.
        event: what happened.
        stream: ``app`` or ``audit``.
        context: the span that it belongs to.
        fields: what varies, bounded and flat.
        dropped: how many fields were one too many.
    """

    created_ns: int
    level: str
    event: str
    stream: str
    context: SpanContext
    fields: Mapping[str, str | bool | int | float]
    dropped: int = 0


QueuedLog = LogEntry | ReadableLogRecord


class QueueLogProcessor(LogRecordProcessor):
    """Hands records made with OpenTelemetry's own logs API to the same queue."""

    def __init__(self, queue: ExportQueue[QueuedLog]) -> None:
        self._queue = queue

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queue the record; comes out of the application's own code."""
        try:
            resource = log_record.resource or Resource.get_empty()
            scope = log_record.instrumentation_scope
            self._queue.put(ReadableLogRecord(log_record.log_record, resource, scope))
        except Exception as error:
            process.failed("logs", error)

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
