"""One request: its span, its metrics, its access event, and where they agree."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import JSONResponse, StreamingResponse
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id
from starlette.requests import Request
from starlette.types import Message

from observability import current_trace_id, get_logger, instrument
from tests.unit.instrumentation.conftest import COUNT, Observed, routes_counted, shop

Observe = Callable[[FastAPI], Observed]
Lines = Callable[[], list[dict[str, Any]]]


async def test_a_request_has_one_span_one_metric_and_log_lines_of_the_same_trace(
    observe: Observe, log_lines: Lines
) -> None:
    """The three signals carry the same trace id, and the span the whole route."""
    observed = observe(shop())
    answer = await observed.get("/v1/items/7")
    trace_id = answer.json()["trace_id"]

    [span] = observed.spans
    assert span.name == "GET /v1/items/{item_id}"
    assert span.kind is SpanKind.SERVER
    assert span.context is not None
    assert format_trace_id(span.context.trace_id) == trace_id
    assert dict(span.attributes or {})["http.route"] == "/v1/items/{item_id}"
    assert dict(span.attributes or {})["http.response.status_code"] == 200

    own, access = log_lines()
    assert own["event"] == "item_shown"
    assert own["item_id"] == 7
    assert access["event"] == "request_finished"
    assert access["http_route"] == "/v1/items/{item_id}"
    assert own["trace_id"] == access["trace_id"] == trace_id
    assert own["span_id"] == access["span_id"]
    assert list(own)[:6] == ["timestamp", "level", "event", "service", "trace_id", "span_id"]
    assert own["service"] == "shop-test"

    exemplars = [
        sample.exemplar.labels
        for sample in await observed.samples("http_server_request_duration_seconds_bucket")
        if sample.exemplar
    ]
    assert exemplars == [{"trace_id": trace_id, "span_id": own["span_id"]}]


async def test_an_incoming_trace_is_continued(observe: Observe) -> None:
    """W3C context of the caller is taken up, baggage too."""
    observed = observe(shop())
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await observed.get("/v1/items/1", headers={"traceparent": parent})
    assert answer.json()["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    [span] = observed.spans
    assert span.parent is not None
    assert span.parent.span_id == 0xB7AD6B7169203331


async def test_an_unsampled_request_is_counted_without_exemplar(observe: Observe) -> None:
    """A caller that does not sample leaves metrics whole and no dead exemplar link."""
    observed = observe(shop())
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    await observed.get("/v1/items/1", headers={"traceparent": parent})
    buckets = await observed.samples("http_server_request_duration_seconds_bucket")
    assert await observed.value(COUNT) == 1
    assert not [sample for sample in buckets if sample.exemplar]


async def test_an_unhandled_exception_is_a_500_on_all_signals(
    observe: Observe, log_lines: Lines
) -> None:
    """The span has the error, the log the stack trace, the metric the status."""
    observed = observe(shop())
    assert (await observed.get("/fails")).status_code == 500
    span = observed.span("GET /fails")
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]
    failed = next(line for line in log_lines() if line["event"] == "request_failed")
    assert failed["level"] == "error"
    assert failed["exception_type"] == "LookupError"
    assert "raise LookupError" in failed["exception_stacktrace"]
    assert span.context is not None
    assert failed["trace_id"] == format_trace_id(span.context.trace_id)
    assert await routes_counted(observed) == {"GET /fails 500": 1}


async def test_the_status_of_a_custom_error_handler_counts(observe: Observe) -> None:
    """A handler for Exception answers outside user middleware and is observed all the same."""
    app = shop()

    @app.exception_handler(Exception)
    async def handle(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({"trace_id": current_trace_id()}, status_code=503)

    observed = observe(app)
    answer = await observed.get("/fails")
    assert answer.status_code == 503
    assert answer.json()["trace_id"] is not None
    assert await routes_counted(observed) == {"GET /fails 503": 1}


async def test_a_streamed_answer_is_measured_to_its_end(observe: Observe) -> None:
    """The duration of a stream is that of the whole stream."""
    app = FastAPI()

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.02)
            yield b"part"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(parts())

    observed = observe(app)
    assert (await observed.get("/stream")).content == b"part" * 3
    total = await observed.value("http_server_request_duration_seconds_sum", http_route="/stream")
    assert total >= 0.06
    assert await observed.value("http_server_active_requests") == 0


async def test_background_tasks_do_not_lengthen_the_request(
    observe: Observe, log_lines: Lines
) -> None:
    """What runs after the answer belongs to the trace but not to the duration."""
    app = FastAPI()

    async def later() -> None:
        await asyncio.sleep(0.1)
        get_logger("shop").info("mail_sent")

    @app.get("/with-task")
    async def with_task(tasks: BackgroundTasks) -> None:
        tasks.add_task(later)

    observed = observe(app)
    await observed.get("/with-task")
    assert await observed.value("http_server_request_duration_seconds_sum") < 0.1
    access, mail = log_lines()
    assert (access["event"], mail["event"]) == ("request_finished", "mail_sent")
    assert access["trace_id"] == mail["trace_id"]


async def test_a_cancelled_request_is_counted_as_client_gone(observe: Observe) -> None:
    """Cancelling passes through; the request is counted as 499 and no longer active."""
    app = FastAPI()

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(60)

    observed = observe(app)
    async with observed.client() as client:
        request = asyncio.create_task(client.get("/slow"))
        await asyncio.sleep(0.05)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    assert await routes_counted(observed) == {"GET /slow 499": 1}
    assert observed.span("GET /slow").kind is SpanKind.SERVER
    assert await observed.value("http_server_active_requests") == 0


async def test_probes_and_metrics_are_not_observed(observe: Observe, log_lines: Lines) -> None:
    """/livez, /readyz and /metrics answer, and leave no span, line or sample."""
    app = FastAPI()

    @app.get("/livez")
    async def livez() -> str:
        return "ok"

    observed = observe(app)
    async with observed.client() as client:
        assert (await client.get("/livez")).json() == "ok"
        assert (await client.get("/metrics")).status_code == 200
    assert observed.spans == []
    assert log_lines() == []
    assert await routes_counted(observed) == {}


async def test_metrics_are_openmetrics_only_if_asked_for(observe: Observe) -> None:
    """Prometheus asks for OpenMetrics and gets exemplars; a person gets plain text."""
    observed = observe(shop())
    plain = await observed.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain")
    assert "# EOF" not in plain.text
    asked = await observed.get(
        "/metrics",
        headers={"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"},
    )
    assert asked.headers["content-type"].startswith("application/openmetrics-text")
    assert asked.text.endswith("# EOF\n")
    for page in (plain.text, asked.text):
        assert 'target_info{deployment_environment_name=""' in page
        assert 'service_name="shop-test"' in page
        assert 'service_version="1.2.3"' in page


async def test_a_request_whose_span_cannot_be_made_is_answered(observe: Observe) -> None:
    """A query that is not UTF-8 breaks the making of the span, not the request."""
    observed = observe(shop())
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/v1/items/1",
        "raw_path": b"/v1/items/1",
        "headers": [],
        "query_string": b"q=\xff",
        "root_path": "",
        "server": ("test", 80),
        "client": None,
    }
    await observed.app(scope, receive, send)
    assert sent[0]["status"] == 200
    assert await routes_counted(observed) == {"GET /v1/items/{item_id} 200": 1}
    assert await observed.value("telemetry_errors_total", component="traces") >= 1


async def test_instrument_again_returns_the_same_telemetry(observe: Observe) -> None:
    """The second call changes nothing: requests are still observed once."""
    observed = observe(shop())
    assert instrument(observed.app) is observed.telemetry
    await observed.get("/v1/items/1")
    assert await observed.value(COUNT) == 1
    assert len(observed.spans) == 1


async def test_the_apps_own_lifespan_still_runs(observe: Observe) -> None:
    """State of the app's lifespan is passed on, and the loop is watched meanwhile."""
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, str]]:
        seen.append("up")
        yield {"key": "value"}
        seen.append("down")

    observed = observe(FastAPI(lifespan=lifespan))
    before = await observed.value("python_event_loop_lag_seconds_count")
    async with observed.app.router.lifespan_context(observed.app) as passed_on:
        assert passed_on == {"key": "value"}
        await asyncio.sleep(0.6)
    assert seen[:2] == ["up", "down"] or seen[-2:] == ["up", "down"]
    assert await observed.value("python_event_loop_lag_seconds_count") >= before + 2


async def test_two_apps_in_one_process_keep_their_signals_apart(
    observe: Observe, log_lines: Lines
) -> None:
    """Requests, spans and log lines belong to the app that handled them."""
    first, second = observe(shop()), observe(shop())
    second.telemetry.service_name = "other"
    await first.get("/v1/items/1")
    assert {line["service"] for line in log_lines()} == {"shop-test"}
    await second.get("/v1/items/1")
    assert {line["service"] for line in log_lines()} == {"other"}
    assert await first.value(COUNT) == await second.value(COUNT) == 1
    assert len(first.spans) == len(second.spans) == 1


async def test_the_access_event_can_be_switched_off(
    observe: Observe, log_lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BELFRY_ACCESS_LOG=off leaves the application's own lines."""
    monkeypatch.setenv("BELFRY_ACCESS_LOG", "off")
    observed = observe(shop())
    await observed.get("/v1/items/1")
    assert [line["event"] for line in log_lines()] == ["item_shown"]


async def test_disabled_telemetry_leaves_the_app_and_its_metrics(
    observe: Observe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OTEL_SDK_DISABLED: no spans, nothing exported; the page of metrics stays."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    observed = observe(shop())
    assert (await observed.get("/v1/items/1")).json() == {"trace_id": None}
    assert observed.spans == []
    assert await observed.value(COUNT) == 1
