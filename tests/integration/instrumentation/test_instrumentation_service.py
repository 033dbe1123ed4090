"""A whole service under uvicorn: ten lines, three signals, a graceful end."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from tests.integration.instrumentation.conftest import Service
from tests.integration.instrumentation.otlp_receiver import Receiver, serving
from tests.support.waiting import eventually

Serve = Callable[..., Service]

TEN_LINES = """
from fastapi import FastAPI
from observability import get_logger, instrument

app = FastAPI()
instrument(app)

@app.get("/hello/{name}")
async def hello(name: str) -> str:
    get_logger(__name__).info("greeted", name=name)
    return f"hello {name}"
"""

MORE = (
    TEN_LINES
    + """
import asyncio
from fastapi import WebSocket
from fastapi.responses import StreamingResponse

@app.get("/boom")
async def boom() -> None:
    raise RuntimeError("bang")

@app.get("/endless")
async def endless() -> StreamingResponse:
    async def parts():
        while True:
            yield b"part"
            await asyncio.sleep(0.01)
    return StreamingResponse(parts())

@app.websocket("/ws")
async def ws(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    get_logger(__name__).info("echoed")
    await socket.close()
"""
)


def metrics(service: Service) -> dict[str, float]:
    page = httpx.get(f"{service.url}/metrics", headers={"accept": "application/openmetrics-text"})
    families = text_string_to_metric_families(page.text)  # type: ignore[no-untyped-call]  # untyped there
    found: dict[str, float] = {}
    for family in families:
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def trace_ids(items: list[Any]) -> set[str]:
    return {item.trace_id.hex() for item in items}


def test_ten_lines_give_three_signals_within_a_second(serve: Serve) -> None:
    """A span and its log lines arrive within a second, with the same trace and identity."""
    receiver = Receiver()
    with serving(receiver) as port:
        service = serve(
            TEN_LINES,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
            OTEL_SERVICE_NAME="greeter",
            OTEL_RESOURCE_ATTRIBUTES="service.namespace=shop,service.instance.id=greeter-1",
        )
        httpx.get(f"{service.url}/hello/ann")
        eventually(lambda: bool(receiver.events()["greeted"] and receiver.span_names()), within=1.0)
        eventually(lambda: receiver.events()["request_finished"] >= 1)
    span = next(span for span in receiver.spans if span.name == "GET /hello/{name}")
    greeted = next(log for log in receiver.logs if log.body.string_value == "greeted")
    assert greeted.trace_id == span.trace_id
    assert greeted.span_id == span.span_id
    [resource] = receiver.resources
    assert resource["service.name"] == "greeter"
    assert resource["service.namespace"] == "shop"
    assert resource["service.instance.id"] == "greeter-1"
    [line] = [line for line in service.lines() if line["event"] == "greeted"]
    assert line["trace_id"] == span.trace_id.hex()


CALLS = """
import os
import httpx
from fastapi import FastAPI
from observability import instrument

app = FastAPI()
instrument(app)
client = httpx.AsyncClient()

@app.get("/ask")
async def ask() -> str:
    return (await client.get(os.environ["OTHER"] + "/hello/ann?secret=1")).text
"""


def test_a_call_by_plain_httpx_is_one_trace_in_both_services(serve: Serve) -> None:
    """Nothing but instrument() in either: the other's span is the call's child."""
    receiver = Receiver()
    with serving(receiver) as port:
        to_collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
        other = serve(TEN_LINES, **to_collector)
        caller = serve(CALLS, **to_collector, OTHER=other.url)
        assert httpx.get(f"{caller.url}/ask").json() == '"hello ann"'
        wanted = {"GET /ask", "GET", "GET /hello/{name}"}
        eventually(lambda: wanted <= receiver.span_names().keys())
    spans = {span.name: span for span in receiver.spans}
    ask, call, hello = spans["GET /ask"], spans["GET"], spans["GET /hello/{name}"]
    assert ask.trace_id == call.trace_id == hello.trace_id
    assert (call.parent_span_id, hello.parent_span_id) == (ask.span_id, call.span_id)
    assert not any("secret=1" in str(span) for span in receiver.spans)


@pytest.mark.parametrize(
    ("protocol", "content_type"),
    [("http/protobuf", "application/x-protobuf"), ("", "application/json")],
)
def test_protobuf_is_sent_where_it_is_asked_for(
    protocol: str, content_type: str, serve: Serve
) -> None:
    """OTEL_EXPORTER_OTLP_PROTOCOL is honoured; JSON is what is sent without it."""
    receiver = Receiver()
    with serving(receiver) as port:
        service = serve(
            TEN_LINES,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        )
        httpx.get(f"{service.url}/hello/ann")
        eventually(lambda: bool(receiver.events()["greeted"] and receiver.span_names()))
        service.stop()
    assert {headers["content-type"] for headers in receiver.seen_headers} == {content_type}


def test_a_graceful_stop_flushes_what_is_left(serve: Serve) -> None:
    """Spans and logs of the last moment arrive although the collector was away until then."""
    receiver = Receiver()
    with serving(receiver) as port:
        service = serve(TEN_LINES, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
        httpx.get(f"{service.url}/hello/first")
        eventually(lambda: receiver.span_names()["GET /hello/{name}"] == 1)
        receiver.status = 503
        for number in range(50):
            httpx.get(f"{service.url}/hello/{number}")
        time.sleep(0.5)
        assert receiver.span_names()["GET /hello/{name}"] == 1
        receiver.status = 200
        assert service.stop() < 6
        assert service.process.returncode in {0, -15}
        assert receiver.span_names()["GET /hello/{name}"] == 51
        assert receiver.events()["greeted"] == 51


def test_without_a_collector_it_serves_says_so_once_and_stops_soon(serve: Serve) -> None:
    """Ten lines on a machine without any backend: no noise, no wait at the end."""
    service = serve(MORE, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    for number in range(100):
        assert httpx.get(f"{service.url}/hello/{number}").status_code == 200
    time.sleep(2)
    counted = metrics(service)
    # The server's own lines are among the logs.
    assert counted["telemetry_queue_size{signal=traces}"] == 101 - 1
    assert counted["telemetry_dropped_total{reason=queue_full,signal=traces}"] == 0
    assert counted["telemetry_exported_total{signal=traces}"] == 0
    assert service.stop() < 3
    failing = [line for line in service.lines() if line["event"] == "export_failing"]
    assert sorted(line["signal"] for line in failing) == ["logs", "traces"]


def test_an_exception_is_logged_once_with_its_trace(serve: Serve) -> None:
    """uvicorn's own report of the same exception, without a trace id, is left out."""
    service = serve(
        MORE, OTEL_SDK_DISABLED="false", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9"
    )
    assert httpx.get(f"{service.url}/boom").status_code == 500
    service.stop()
    with_exception = [line for line in service.lines() if "exception_type" in line]
    assert [line["event"] for line in with_exception] == ["request_failed"]
    assert with_exception[0]["trace_id"] is not None
    # Everything that was printed is JSON, the server's own lines included.
    events = {line["event"] for line in service.lines()}
    assert {"Waiting for application startup.", "Application shutdown complete."} <= events


def test_a_client_that_leaves_a_stream_ends_the_request(serve: Serve) -> None:
    """A stream cut by the client is finished, counted and no longer active."""
    service = serve(MORE, OTEL_TRACES_EXPORTER="none", OTEL_LOGS_EXPORTER="none")
    with httpx.stream("GET", f"{service.url}/endless") as response:
        parts = response.iter_bytes()
        assert next(parts) == b"part"
        active = "http_server_active_requests{http_request_method=GET}"
        assert metrics(service)[active] == 1
    eventually(lambda: metrics(service)[active] == 0)
    key = "http_request_method=GET,http_response_status_code=200,http_route=/endless"
    assert metrics(service)[f"http_server_request_duration_seconds_count{{{key}}}"] == 1


def test_websockets_work_and_have_a_span(serve: Serve) -> None:
    """A connection is one span; log lines in it carry its trace; requests are not counted."""
    receiver = Receiver()

    async def talk(url: str) -> str | bytes:
        async with connect(url) as socket:
            await socket.send("hi")
            return await socket.recv()

    with serving(receiver) as port:
        service = serve(MORE, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
        url = service.url.replace("http", "ws")
        assert asyncio.run(talk(f"{url}/ws")) == "hi"
        eventually(lambda: bool(receiver.events()["echoed"] and receiver.span_names()["WS /ws"]))
    echoed = next(log for log in receiver.logs if log.body.string_value == "echoed")
    assert trace_ids([echoed]) <= trace_ids(receiver.spans)


@pytest.mark.parametrize("status", [400, 503])
def test_a_collector_in_trouble_is_invisible_to_users(serve: Serve, status: int) -> None:
    """Requests succeed and stay quick; a 4xx is counted as rejected, a 503 keeps everything."""
    receiver = Receiver()
    receiver.status = status
    with serving(receiver) as port:
        service = serve(TEN_LINES, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
        with httpx.Client() as client:
            for number in range(100):
                answer = client.get(f"{service.url}/hello/{number}")
                assert answer.status_code == 200
        rejected = "telemetry_dropped_total{reason=rejected,signal=traces}"
        held = "telemetry_queue_size{signal=traces}"
        if status == 400:
            eventually(lambda: metrics(service)[rejected] == 100)
            assert metrics(service)[held] == 0
        else:
            assert metrics(service)[held] == 100
            assert metrics(service)[rejected] == 0
