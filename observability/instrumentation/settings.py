"""What the environment says about telemetry: the ``OTEL_*`` variables, read leniently.

A value that cannot be read never stops the application: the default is taken and one
warning names the variable.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from observability.instrumentation.health import notice
from observability.instrumentation.values import MAX_TEXT

DEFAULT_ENDPOINT = "http://localhost:4318"
DEFAULT_CAPACITY = 32_768
MAX_TIMEOUT_SECONDS = 60.0
HTTP_JSON = "http/json"
HTTP_PROTOBUF = "http/protobuf"


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How one signal waits for the collector.

    Attributes:
        capacity: items held at most; beyond it the oldest are dropped.
        max_bytes: bytes of items held at most.
        batch_size: items sent in one request at most.
        delay: seconds that an item waits for others before it is sent.
        drain_timeout: seconds that stopping may take to send what is left.
    """

    capacity: int = DEFAULT_CAPACITY
    max_bytes: int = 32 * 1024 * 1024
    batch_size: int = 512
    delay: float = 0.2
    drain_timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Where and how one signal is sent by OTLP over HTTP.

    Attributes:
        url: full address, the signal's path included.
        protocol: ``http/json`` or ``http/protobuf``.
        headers: sent with each request.
        timeout: seconds for one request.
        gzip: whether bodies are compressed.
        certificate: file of the authority that the server's certificate is checked against.
        client_certificate: file of our own certificate.
        client_key: file of its key.
    """

    url: str
    protocol: str = HTTP_JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10.0
    gzip: bool = False
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None


@dataclass(frozen=True, slots=True)
class SignalSettings:
    """One exported signal; ``endpoint`` is None when it is not exported."""

    endpoint: EndpointSettings | None
    queue: QueueSettings


@dataclass(frozen=True, slots=True)
class LogLimits:
    """How large one log record may be.

    Attributes:
        fields: how many it has at most; those after are dropped.
        text: characters that one of them has at most; longer ones are cut.
    """

    fields: int = 128
    text: int = MAX_TEXT


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that :func:`observability.instrument` takes from the environment."""

    traces: SignalSettings
    logs: SignalSettings
    log_limits: LogLimits
    access_log: bool
    disabled_instrumentations: frozenset[str]


def load() -> Settings:
    """Read the environment; never raises."""
    disabled = _text("OTEL_SDK_DISABLED").lower() == "true"
    return Settings(
        traces=_signal("TRACES", "BSP", disabled=disabled),
        logs=_signal("LOGS", "BLRP", disabled=disabled),
        log_limits=_log_limits(),
        access_log=_text("BELFRY_ACCESS_LOG").lower() not in {"0", "false", "off", "no"},
        disabled_instrumentations=_names("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"),
    )


def _signal(signal: str, queue: str, *, disabled: bool) -> SignalSettings:
    exporter = _text(f"OTEL_{signal}_EXPORTER").lower() or "otlp"
    if exporter not in {"otlp", "none"}:
        _ignored(f"OTEL_{signal}_EXPORTER", exporter, "otlp")
    wanted = not disabled and exporter != "none"
    return SignalSettings(endpoint=_endpoint(signal) if wanted else None, queue=_queue(queue))


def _endpoint(signal: str) -> EndpointSettings:
    base = _text("OTEL_EXPORTER_OTLP_ENDPOINT") or DEFAULT_ENDPOINT
    url = _text(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return EndpointSettings(
        url=url or f"{base.rstrip('/')}/v1/{signal.lower()}",
        protocol=_protocol(signal),
        headers=_headers(_otlp(signal, "HEADERS")),
        timeout=_timeout(signal),
        gzip=_otlp(signal, "COMPRESSION").lower() == "gzip",
        certificate=_otlp(signal, "CERTIFICATE") or None,
        client_certificate=_otlp(signal, "CLIENT_CERTIFICATE") or None,
        client_key=_otlp(signal, "CLIENT_KEY") or None,
    )


def _protocol(signal: str) -> str:
    found = _otlp(signal, "PROTOCOL") or HTTP_JSON
    if found in {HTTP_JSON, HTTP_PROTOBUF}:
        return found
    _ignored("OTEL_EXPORTER_OTLP_PROTOCOL", found, HTTP_JSON)
    return HTTP_JSON


def _queue(prefix: str) -> QueueSettings:
    default = QueueSettings()
    capacity = int(_number(f"OTEL_{prefix}_MAX_QUEUE_SIZE", default.capacity, least=1))
    batch = int(_number(f"OTEL_{prefix}_MAX_EXPORT_BATCH_SIZE", default.batch_size, least=1))
    return QueueSettings(
        capacity=capacity,
        max_bytes=int(_number("BELFRY_QUEUE_MAX_BYTES", default.max_bytes, least=1)),
        batch_size=min(batch, capacity),
        delay=_number(f"OTEL_{prefix}_SCHEDULE_DELAY", default.delay * 1000) / 1000,
        drain_timeout=_number(f"OTEL_{prefix}_EXPORT_TIMEOUT", default.drain_timeout * 1000) / 1000,
    )


def _log_limits() -> LogLimits:
    """The signal's own variables go before the general ones."""
    default = LogLimits()
    count = _number("OTEL_ATTRIBUTE_COUNT_LIMIT", default.fields)
    length = _number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", default.text)
    return LogLimits(
        fields=int(_number("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", count)),
        text=int(_number("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", length)),
    )


def _timeout(signal: str) -> float:
    """Seconds, as the Python SDK reads this variable, within reason."""
    name = f"OTEL_EXPORTER_OTLP_{signal}_TIMEOUT"
    if not _text(name):
        name = "OTEL_EXPORTER_OTLP_TIMEOUT"
    return min(_number(name, 10.0, least=0.1), MAX_TIMEOUT_SECONDS)


def _headers(text: str) -> dict[str, str]:
    headers = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, separator, value = pair.partition("=")
        if separator and name.strip():
            headers[name.strip().lower()] = unquote(value.strip())
        else:
            # The text may be a secret that was pasted wrongly: it is not repeated.
            notice("warning", "setting_ignored", setting="OTEL_EXPORTER_OTLP_HEADERS")
    return headers


def _otlp(signal: str, name: str) -> str:
    return _text(f"OTEL_EXPORTER_OTLP_{signal}_{name}") or _text(f"OTEL_EXPORTER_OTLP_{name}")


def _names(variable: str) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in _text(variable).split(",") if name.strip())


def _number(name: str, default: float, *, least: float = 0.0) -> float:
    text = _text(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not least <= value < float("inf"):
        _ignored(name, text, default)
        return default
    return value


def _text(name: str) -> str:
    return os.environ.get(name, "").strip()


def _ignored(name: str, value: str, taken: object) -> None:
    notice("warning", "setting_ignored", setting=name, value=value, taken=str(taken))
