"""OTLP requests, as JSON or protobuf, as the messages that they stand for."""

import base64
from typing import Any

import orjson
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]  # has no stubs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

JSON = "application/json"
_IDENTIFIERS = {"traceId", "spanId", "parentSpanId"}


def traces(body: bytes, content_type: str) -> ExportTraceServiceRequest:
    """The spans of a request; a field that OTLP does not know is an error."""
    message = ExportTraceServiceRequest()
    _read(body, content_type, message)
    return message


def logs(body: bytes, content_type: str) -> ExportLogsServiceRequest:
    """The log records of a request; a field that OTLP does not know is an error."""
    message = ExportLogsServiceRequest()
    _read(body, content_type, message)
    return message


def _read(body: bytes, content_type: str, message: Any) -> None:
    if content_type == JSON:
        ParseDict(_with_base64(orjson.loads(body)), message)
    else:
        message.ParseFromString(body)


def _with_base64(value: Any) -> Any:
    """Identifiers are hexadecimal in OTLP, and base64 in protobuf's own form of JSON."""
    if isinstance(value, list):
        return [_with_base64(one) for one in value]
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(one)).decode()
            if key in _IDENTIFIERS
            else _with_base64(one)
            for key, one in value.items()
        }
    return value
