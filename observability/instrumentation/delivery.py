"""Where spans and log records go: the queue of each, its encoding and its connection."""

from collections.abc import Callable
from typing import TypeVar

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from observability.instrumentation.exporting import ExportQueue
from observability.instrumentation.log_records import QueuedLog
from observability.instrumentation.otlp import OtlpSender
from observability.instrumentation.otlp_json import JsonLogs, JsonSpans
from observability.instrumentation.settings import (
    HTTP_PROTOBUF,
    EndpointSettings,
    SignalSettings,
)
from observability.instrumentation.wire import WireFormat

T = TypeVar("T")


def span_queue(signal: SignalSettings) -> ExportQueue[ReadableSpan] | None:
    """Make the queue of spans; None when they are not exported."""
    if signal.endpoint is None:
        return None
    return _queue("traces", span_format(signal.endpoint.protocol), signal, signal.endpoint)


def log_queue(
    signal: SignalSettings, resource: Callable[[], Resource]
) -> ExportQueue[QueuedLog] | None:
    """Make the queue of log records; None when they are not exported.

    Args:
        signal: settings.
        resource: returns who writes the records.
    """
    if signal.endpoint is None:
        return None
    wire = log_format(signal.endpoint.protocol, resource)
    return _queue("logs", wire, signal, signal.endpoint)


def span_format(protocol: str) -> WireFormat[ReadableSpan]:
    """Return how spans are encoded for a protocol."""
    if protocol == HTTP_PROTOBUF:
        from observability.instrumentation.otlp_protobuf import (  # noqa: PLC0415 - see there
            ProtobufSpans,
        )

        return ProtobufSpans()
    return JsonSpans()


def log_format(protocol: str, resource: Callable[[], Resource]) -> WireFormat[QueuedLog]:
    """Return how log records are encoded for a protocol."""
    if protocol == HTTP_PROTOBUF:
        from observability.instrumentation.otlp_protobuf import (  # noqa: PLC0415 - see there
            ProtobufLogs,
        )

        return ProtobufLogs(resource)
    return JsonLogs(resource)


def _queue(
    name: str, wire: WireFormat[T], signal: SignalSettings, endpoint: EndpointSettings
) -> ExportQueue[T]:
    return ExportQueue(name, wire, OtlpSender(endpoint, wire), signal.queue)
