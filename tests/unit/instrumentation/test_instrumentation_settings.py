"""What the environment says, and what is done with nonsense."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from observability.instrumentation import resource, settings
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
    assert found.traces.queue.capacity == 32_768
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
        capacity=100, batch_size=100, delay=0.05, drain_timeout=1.5
    )
    assert found.logs.queue.batch_size == 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_SCHEDULE_DELAY", "nan"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
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
