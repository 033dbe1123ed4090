"""What the environment says, and what is done with nonsense."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from fastapi import FastAPI

from observability.instrumentation import environment, resource, settings
from tests.unit.instrumentation.conftest import Observed

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _exported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_TRACES_EXPORTER", raising=False)
    monkeypatch.delenv("OTEL_LOGS_EXPORTER", raising=False)


def test_defaults_are_those_of_the_specification() -> None:
    """Without settings the local collector is the target."""
    found = settings.load()
    assert found.traces.endpoint is not None
    assert found.traces.endpoint.url == "http://localhost:4318/v1/traces"
    assert found.logs.endpoint is not None
    assert found.logs.endpoint.url == "http://localhost:4318/v1/logs"
    assert found.traces.endpoint.protocol == found.logs.endpoint.protocol == "http/json"
    assert found.traces.queue.capacity == 32_768
    assert found.traces.queue.max_bytes == 32 * 1024 * 1024
    assert found.traces.queue.delay == 0.2
    assert found.access_log


def test_the_otel_variables_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoints, headers, timeouts and queue bounds; a signal's own variable wins."""
    for name, value in {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://logs/otlp",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20x, tenant=a=b",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "4",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_BSP_MAX_QUEUE_SIZE": "100",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_BSP_EXPORT_TIMEOUT": "1500",
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "10",
        "BELFRY_QUEUE_MAX_BYTES": "1000000",
        "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf",
        "OTEL_ATTRIBUTE_COUNT_LIMIT": "20",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "200",
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "30",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "httpx, Requests",
    }.items():
        monkeypatch.setenv(name, value)
    found = settings.load()
    traces, logs = found.traces.endpoint, found.logs.endpoint
    assert traces is not None
    assert logs is not None
    assert (traces.url, logs.url) == ("http://collector:4318/v1/traces", "http://logs/otlp")
    assert traces.headers == {"authorization": "Bearer x", "tenant": "a=b"}
    assert (traces.timeout, logs.timeout) == (4, 3)
    assert traces.gzip
    assert found.traces.queue == settings.QueueSettings(
        capacity=100, max_bytes=1_000_000, batch_size=100, delay=0.05, drain_timeout=1.5
    )
    assert (traces.protocol, logs.protocol) == ("http/json", "http/protobuf")
    assert found.log_limits == settings.LogLimits(fields=30, text=200)
    assert found.disabled_instrumentations == {"httpx", "requests"}
    assert found.logs.queue.batch_size == 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_SCHEDULE_DELAY", "nan"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "few"),
        ("BELFRY_QUEUE_MAX_BYTES", "0"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ],
)
def test_nonsense_is_ignored_and_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, log_lines: Lines
) -> None:
    """The default is taken, one line names the setting, nothing raises."""
    default = settings.load()
    monkeypatch.setenv(name, value)
    assert settings.load() == default
    lines = log_lines()
    assert {line["setting"] for line in lines} == {name}
    assert {line["event"] for line in lines} == {"setting_ignored"}


def test_a_header_that_cannot_be_read_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, log_lines: Lines
) -> None:
    """It may be a secret."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "hunter2")
    settings.load()
    assert "hunter2" not in str(log_lines())


@pytest.mark.parametrize("name", ["OTEL_TRACES_EXPORTER", "OTEL_LOGS_EXPORTER"])
def test_a_signal_can_be_kept_from_export(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """none means that there is no queue for it at all."""
    monkeypatch.setenv(name, "none")
    found = settings.load()
    assert (found.traces.endpoint is None) is (name == "OTEL_TRACES_EXPORTER")
    assert (found.logs.endpoint is None) is (name == "OTEL_LOGS_EXPORTER")


def test_the_environment_names_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who deploys it has the last word; each process is its own instance."""
    assert resource.text(resource.build("coded", "1"), "service.name") == "coded"
    assert resource.text(resource.build("coded", "1"), "service.instance.id") != ""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=attr,service.version=2,a=b")
    built = resource.build("coded", "1")
    assert resource.text(built, "service.name") == "attr"
    assert resource.text(built, "service.version") == "2"
    assert resource.text(built, "a") == "b"
    assert resource.text(built, "none") == ""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "named")
    assert resource.text(resource.build("coded", "1"), "service.name") == "named"
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=i1")
    built, again = resource.build("a", "1"), resource.build("b", "1")
    assert built == again
    assert hash(built) == hash(again)


async def test_the_sampler_of_the_environment_is_used(
    observe: Callable[[FastAPI], Observed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """OTEL_TRACES_SAMPLER=always_off: trace ids but no spans and no exemplars."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    observed = observe(FastAPI())
    await observed.get("/docs")
    assert observed.spans == []
    buckets = await observed.samples("http_server_request_duration_seconds_bucket")
    assert buckets
    assert not [sample for sample in buckets if sample.exemplar]


SERVES = """
import asyncio, httpx
from observability import instrument
from fastapi import FastAPI
app = FastAPI()
instrument(app, "nonsense")

@app.get("/x")
async def x() -> int:
    return 1

async def main() -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/x?q=1")).json() == 1
        assert (await client.get("/metrics")).status_code == 200

asyncio.run(main())
"""

# What OpenTelemetry's libraries raise for, at import, at set-up or at the first request.
DELICATE = (
    *("OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
    *("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
    *("OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT"),
    *("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"),
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    *("OTEL_PROPAGATORS", "OTEL_PYTHON_EXCLUDED_URLS", "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS"),
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE",
    *("OTEL_PYTHON_TRACER_PROVIDER", "OTEL_PYTHON_METER_PROVIDER", "OTEL_PYTHON_LOGGER_PROVIDER"),
)


def serve(more: str = "", **environment: str) -> list[dict[str, Any]]:
    """Run a service that answers two requests, and more code after it; the lines it printed."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "BELFRY_"))}
    quiet = {"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    done = subprocess.run(
        [sys.executable, "-c", SERVES + more],
        env={**kept, "PYTHONPATH": os.getcwd(), **quiet, **environment},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def test_whatever_the_environment_says_the_app_serves() -> None:
    """Nonsense in any variable is ignored and named, none of it comes out of import or requests."""
    lines = serve(**dict.fromkeys(DELICATE, "("))
    ignored = {line["setting"] for line in lines if line["event"] == "setting_ignored"}
    assert ignored == set(DELICATE)
    assert any(line["event"] == "request_finished" and line["trace_id"] for line in lines)


def test_what_makes_sense_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only nonsense is taken out of the environment."""
    sensible = {
        "OTEL_PROPAGATORS": "tracecontext",
        "OTEL_PYTHON_EXCLUDED_URLS": "/health.*,/ready",
        "OTEL_SPAN_LINK_COUNT_LIMIT": "7",
        "OTEL_SPAN_EVENT_COUNT_LIMIT": "",
        "OTEL_PYTHON_TRACER_PROVIDER": "sdk_tracer_provider",
    }
    for name, value in sensible.items():
        monkeypatch.setenv(name, value)
    environment.mend()
    assert {name: os.environ.get(name) for name in sensible} == sensible
    monkeypatch.setenv("OTEL_PROPAGATORS", "none")
    environment.mend()
    assert os.environ["OTEL_PROPAGATORS"] == "none"


@pytest.mark.parametrize("chosen", ["database", "database,http", "http/dup"])
def test_span_attributes_have_the_stable_names_whatever_else_is_opted_in_to(chosen: str) -> None:
    """http.request.method rather than http.method."""
    check = """
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
kept = InMemorySpanExporter()
instrument(app).tracer_provider.add_span_processor(SimpleSpanProcessor(kept))
asyncio.run(main())
assert "http.request.method" in kept.get_finished_spans()[0].attributes
"""
    serve(check, OTEL_SEMCONV_STABILITY_OPT_IN=chosen)


async def test_an_app_that_cannot_be_traced_is_still_served_and_counted(
    observe: Callable[[FastAPI], Observed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure while OpenTelemetry builds its middleware costs the spans only."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")
    observed = observe(FastAPI())
    # Set after instrument() has looked: as late as nothing can be done about it any more.
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS", "(")
    assert (await observed.get("/docs")).status_code == 200
    assert observed.spans == []
    assert await observed.value("http_server_request_duration_seconds_count") == 1
    assert await observed.value("telemetry_errors_total", component="instrument_traces") >= 1
