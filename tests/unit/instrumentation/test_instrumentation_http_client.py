"""Calls to other services by httpx: a span, a metric, the trace and baggage carried along."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import baggage, context
from opentelemetry.instrumentation.utils import suppress_http_instrumentation
from opentelemetry.trace import SpanKind, StatusCode

from observability import instrument_client, span
from tests.unit.instrumentation.conftest import Observed, context_ids

Observe = Callable[[FastAPI], Observed]


@asynccontextmanager
async def upstream(seen: list[httpx.Request]) -> AsyncIterator[httpx.AsyncClient]:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path == "/refused":
            raise httpx.ConnectError("refused")
        if request.url.path == "/moved":
            return httpx.Response(302, headers={"location": "/ok"})
        return httpx.Response(503 if request.url.path == "/busy" else 200)

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://cart:8003")
    async with client:
        yield client


async def test_a_call_carries_the_trace_and_has_a_client_span(observe: Observe) -> None:
    """traceparent and baggage go out; the span names the peer and hides the query."""
    observed = observe(FastAPI())
    seen: list[httpx.Request] = []
    async with upstream(seen) as client:
        instrument_client(client, peer="cart")
        assert instrument_client(client) is client
        with span("buy"):
            token = context.attach(baggage.set_baggage("tenant", "t1"))
            await client.get("/ok", params={"secret": "s"})
            context.detach(token)
    call = observed.span("GET")
    attributes = dict(call.attributes or {})
    assert call.kind is SpanKind.CLIENT
    assert context_ids(call)[0] == context_ids(observed.span("buy"))[0]
    assert attributes["peer.service"] == attributes["server.address"] == "cart"
    assert attributes["url.full"] == "http://cart:8003/ok"
    trace_id, span_id = context_ids(call)
    assert seen[0].headers["traceparent"].startswith(f"00-{trace_id:032x}-{span_id:016x}-0")
    assert seen[0].headers["baggage"] == "tenant=t1"
    [count] = await observed.samples(
        "http_client_request_duration_seconds_count",
        server_address="cart",
        http_response_status_code="200",
    )
    assert count.value >= 1


async def test_failed_calls_are_errors_and_pass_through(observe: Observe) -> None:
    """No answer is the status "error"; a 5xx is an error of the span; redirects count once."""
    observed = observe(FastAPI())
    async with upstream([]) as client:
        instrument_client(client)
        with pytest.raises(httpx.ConnectError):
            await client.get("/refused")
        await client.get("/busy")
        assert (await client.get("/moved", follow_redirects=True)).status_code == 200
    refused, busy, moved = observed.spans
    assert refused.status.status_code is busy.status.status_code is StatusCode.ERROR
    assert moved.status.status_code is StatusCode.UNSET
    assert dict(refused.attributes or {})["error.type"] == "ConnectError"
    statuses = {
        sample.labels["http_response_status_code"]
        for sample in await observed.samples(
            "http_client_request_duration_seconds_count", server_address="cart"
        )
    }
    assert {"error", "503", "200"} <= statuses


class Slow(httpx.AsyncByteStream):
    """A body that takes its time, and breaks off if told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.05)
            yield b"part"
        if self._error:
            raise self._error


@asynccontextmanager
async def streaming(body: httpx.AsyncByteStream) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=body))
    async with httpx.AsyncClient(transport=transport, base_url="http://slow") as client:
        yield client


async def test_a_streamed_answer_is_measured_until_it_is_read(observe: Observe) -> None:
    """The metric says "to having read the answer", also when the application reads it."""
    observed = observe(FastAPI())
    labels = {"server_address": "slow-1", "http_response_status_code": "200"}
    async with streaming(Slow()) as client:
        instrument_client(client, peer="slow-1")
        async with client.stream("GET", "/") as answer:
            assert not observed.spans
            assert b"".join([part async for part in answer.aiter_bytes()]) == b"part" * 3
    [call] = observed.spans
    name = "http_client_request_duration_seconds"
    assert await observed.value(f"{name}_count", **labels) == 1
    assert await observed.value(f"{name}_sum", **labels) >= 0.15
    assert call.end_time is not None
    assert call.start_time is not None
    assert call.end_time - call.start_time >= 0.15e9


async def test_a_stream_that_breaks_off_or_is_given_up_ends_its_span(observe: Observe) -> None:
    """Broken off, there was no whole answer; closed early by the application, there was."""
    observed = observe(FastAPI())
    async with streaming(Slow(httpx.ReadError("gone"))) as client:
        instrument_client(client, peer="slow-2")
        with pytest.raises(httpx.ReadError):
            async with client.stream("GET", "/") as answer:
                await answer.aread()
        async with client.stream("GET", "/") as answer:
            assert await anext(answer.aiter_bytes()) == b"part"
    broken, left = observed.spans
    assert broken.status.status_code is StatusCode.ERROR
    assert left.status.status_code is StatusCode.UNSET
    name = "http_client_request_duration_seconds_count"
    for status in ("error", "200"):
        labels = {"server_address": "slow-2", "http_response_status_code": status}
        assert await observed.value(name, **labels) == 1


def blocking_calls(answer: Callable[[httpx.Request], httpx.Response]) -> None:
    with httpx.Client(transport=httpx.MockTransport(answer)) as blocking:
        blocking.get("http://plain:81/b")
        with blocking.stream("GET", "http://plain:81/c") as streamed:
            streamed.read()


async def test_plain_clients_carry_the_trace_by_themselves(observe: Observe) -> None:
    """instrument() is all: a client of any kind, made before or after, inside a span."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    early = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    observed = observe(FastAPI())
    with span("buy"):
        await early.get("http://plain:81/a?secret=1")
        blocking_calls(answer)
    await early.aclose()
    assert [one.name for one in observed.spans] == ["GET", "GET", "GET", "buy"]
    for request, call in zip(seen, observed.spans, strict=False):
        trace_id, span_id = context_ids(call)
        assert request.headers["traceparent"].startswith(f"00-{trace_id:032x}-{span_id:016x}-")
        assert call.kind is SpanKind.CLIENT
        assert dict(call.attributes or {})["server.address"] == "plain"
    name = "http_client_request_duration_seconds_count"
    assert await observed.value(name, server_address="plain") == 3


async def test_a_client_of_its_own_and_all_clients_count_once(observe: Observe) -> None:
    """instrument_client() beside instrument(): one span, one count, the given name."""
    observed = observe(FastAPI())
    name = "http_client_request_duration_seconds_count"
    async with upstream([]) as client:
        instrument_client(client, peer="cart-once")
        with span("buy"):
            await client.get("/ok")
    assert [one.name for one in observed.spans] == ["GET", "buy"]
    assert await observed.value(name, server_address="cart-once") == 1


async def test_a_call_outside_any_span_is_counted_and_has_none(observe: Observe) -> None:
    """A loop that looks for work does not fill the store with traces of one call each."""
    observed = observe(FastAPI())
    seen: list[httpx.Request] = []
    async with upstream(seen) as client:
        await client.get("http://polled/ok")
    assert observed.spans == []
    assert "traceparent" not in seen[0].headers
    name = "http_client_request_duration_seconds_count"
    assert await observed.value(name, server_address="polled") == 1


async def test_requests_to_an_app_in_this_process_are_no_calls(observe: Observe) -> None:
    """A test's own client is no part of the service, nor of its traces."""
    observed = observe(FastAPI())
    with span("test"):
        await observed.get("/docs")
    assert [one.name for one in observed.spans] == ["GET /docs", "test"]
    name = "http_client_request_duration_seconds_count"
    assert await observed.value(name, server_address="test") == 0


async def test_calls_are_left_alone_where_opentelemetry_is_told_to(observe: Observe) -> None:
    """Its way to keep an exporter's own requests out of the traces works here too."""
    observed = observe(FastAPI())
    async with upstream([]) as client:
        with span("export"), suppress_http_instrumentation():
            await client.get("/ok")
    assert [one.name for one in observed.spans] == ["export"]


def test_httpx_can_be_left_alone_by_a_variable() -> None:
    """OTEL_PYTHON_DISABLED_INSTRUMENTATIONS, as for OpenTelemetry's own."""
    code = """
import httpx
from fastapi import FastAPI
from observability import instrument
plain = httpx.AsyncClient.send, httpx.Client.send
instrument(FastAPI())
assert (httpx.AsyncClient.send, httpx.Client.send) == plain
"""
    kept = {"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    disabled = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "requests, httpx"}
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.getcwd(), **kept, **disabled},
        check=True,
    )


async def test_a_failing_propagator_does_not_stop_the_call(
    observe: Observe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request goes out without what could not be made."""
    observed = observe(FastAPI())

    def broken(*_: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr("observability.instrumentation.http_client.propagate.inject", broken)
    async with upstream([]) as client:
        with span("buy"):
            assert (await client.get("/ok")).status_code == 200
    assert await observed.value("telemetry_errors_total", component="http_client") >= 1
