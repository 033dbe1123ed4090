"""A small observed app, its spans and its log lines at hand."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from observability import Telemetry, current_trace_id, get_logger, instrument

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
COUNT = "http_server_request_duration_seconds_count"


@dataclass
class Observed:
    """An instrumented app and what it tells."""

    app: FastAPI
    telemetry: Telemetry
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    def __post_init__(self) -> None:
        self.telemetry.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def span(self, name: str) -> ReadableSpan:
        [found] = [span for span in self.spans if span.name == name]
        return found

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with (
            self.app.router.lifespan_context(self.app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            yield client

    async def get(self, path: str, **options: Any) -> httpx.Response:
        async with self.client() as client:
            return await client.get(path, **options)

    async def families(self) -> dict[str, Metric]:
        async with self.client() as client:
            page = await client.get("/metrics", headers={"accept": OPENMETRICS})
        families = text_string_to_metric_families(page.text)  # type: ignore[no-untyped-call]  # untyped there
        return {family.name: family for family in families}

    async def samples(self, name: str, **labels: str) -> list[Sample]:
        """Samples of one name whose labels include these."""
        return [
            sample
            for family in (await self.families()).values()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    async def value(self, name: str, **labels: str) -> float:
        return sum(float(sample.value) for sample in await self.samples(name, **labels))


def context_ids(one: ReadableSpan) -> tuple[int, int]:
    assert one.context is not None
    return one.context.trace_id, one.context.span_id


def shop() -> FastAPI:
    app = FastAPI()
    router = APIRouter()

    @router.get("/items/{item_id}")
    async def item(item_id: int) -> dict[str, object]:
        get_logger("shop").info("item_shown", item_id=item_id)
        return {"trace_id": current_trace_id()}

    @app.get("/fails")
    async def fails() -> None:
        raise LookupError("gone")

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418)

    app.include_router(router, prefix="/v1")
    return app


async def routes_counted(observed: Observed) -> dict[str, float]:
    return {
        f"{sample.labels['http_request_method']} {sample.labels['http_route']} "
        f"{sample.labels['http_response_status_code']}": float(sample.value)
        for sample in await observed.samples(COUNT)
    }


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is exported, and nothing of the machine's own settings shines through."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "BELFRY_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")


@pytest.fixture
def observe() -> Iterator[Callable[[FastAPI], Observed]]:
    """Instrument an app for this test only."""
    made: list[Observed] = []

    def make(app: FastAPI) -> Observed:
        made.append(Observed(app, instrument(app, "shop-test", "1.2.3")))
        return made[-1]

    yield make
    for observed in made:
        observed.telemetry.shutdown(0)


@pytest.fixture
def log_lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Read the log lines printed since the last call."""

    def read() -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in capsys.readouterr().out.splitlines() if line]

    return read
