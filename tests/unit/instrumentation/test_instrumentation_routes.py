"""Which route a request belongs to: the same template on span, metric and line, bounded."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Scope

from tests.unit.instrumentation.conftest import Observed, routes_counted, shop

Observe = Callable[[FastAPI], Observed]
Lines = Callable[[], list[dict[str, Any]]]


async def test_labels_stay_bounded_whatever_is_asked_for(observe: Observe) -> None:
    """Unknown paths and methods have one label value each; 404 and 405 are told apart."""
    observed = observe(shop())
    async with observed.client() as client:
        for path in ("/a", "/b/c", "/v1/none", "/v1/items"):
            await client.get(path)
        await client.request("BREW", "/v1/items/1")
        await client.post("/v1/items/1")
        await client.get("/v1/items/nan")
        await client.get("/teapot")
    assert await routes_counted(observed) == {
        "GET unmatched 404": 4,
        "_OTHER /v1/items/{item_id} 405": 1,
        "POST /v1/items/{item_id} 405": 1,
        "GET /v1/items/{item_id} 422": 1,
        "GET /teapot 418": 1,
    }


async def test_mounted_apps_are_counted_by_their_whole_template(observe: Observe) -> None:
    """FastAPI and Starlette apps, nested and with parameters; what has no routes by its mount."""
    deepest = FastAPI()
    inner = APIRouter()

    @inner.get("/leaf/{name}")
    async def leaf(name: str) -> str:
        return name

    deepest.include_router(inner, prefix="/in")

    async def page(_: Request) -> PlainTextResponse:
        return PlainTextResponse("page")

    async def bare(scope: Scope, receive: Any, send: Any) -> None:
        await PlainTextResponse("bare")(scope, receive, send)

    app = FastAPI()
    app.router.routes.append(
        Mount("/tenants/{tenant}", routes=[Route("/page", page), Mount("/deep", deepest)])
    )
    app.mount("/bare", bare)
    app.add_route("/plain/{x}", page)
    observed = observe(app)
    async with observed.client() as client:
        for path in ("/tenants/1/page", "/tenants/2/deep/in/leaf/a", "/tenants/3/deep/none"):
            await client.get(path)
        for path in ("/tenants/4/none", "/bare/any/thing", "/plain/1", "/docs"):
            await client.get(path)
    assert await routes_counted(observed) == {
        "GET /tenants/{tenant}/page 200": 1,
        "GET /tenants/{tenant}/deep/in/leaf/{name} 200": 1,
        "GET unmatched 404": 2,
        "GET /bare/{path} 200": 1,
        "GET /plain/{x} 200": 1,
        "GET /docs 200": 1,
    }
    # One span a request: a mounted FastAPI does not add its own.
    assert len(observed.spans) == 7
    assert observed.span("GET /tenants/{tenant}/deep/in/leaf/{name}").kind is SpanKind.SERVER


async def test_what_a_middleware_answers_has_the_route_on_span_and_metric(
    observe: Observe,
) -> None:
    """An answer from before the routing is still of the route that was asked for."""
    app = shop()

    @app.middleware("http")
    async def closed(_: Request, __: Any) -> PlainTextResponse:
        return PlainTextResponse("closed", status_code=503)

    observed = observe(app)
    async with observed.client() as client:
        await client.get("/v1/items/7")
        await client.post("/v1/items/7")
        await client.get("/none")
    assert await routes_counted(observed) == {
        "GET /v1/items/{item_id} 503": 1,
        "POST /v1/items/{item_id} 503": 1,
        "GET unmatched 503": 1,
    }
    assert [span.name for span in observed.spans] == [
        "GET /v1/items/{item_id}",
        "POST /v1/items/{item_id}",
        "GET",
    ]


async def test_spans_are_named_by_method_and_route(observe: Observe) -> None:
    """Unknown methods are HTTP, and what matches no route has none in its name."""
    observed = observe(shop())
    async with observed.client() as client:
        await client.request("BREW", "/v1/items/1")
        await client.get("/nowhere")
        await client.get("/fails")
    brew, nowhere, fails = observed.spans
    assert (brew.name, nowhere.name) == ("HTTP /v1/items/{item_id}", "GET")
    assert "http.route" not in dict(nowhere.attributes or {})
    assert (fails.name, dict(fails.attributes or {})["http.route"]) == ("GET /fails", "/fails")


async def test_values_of_a_query_are_not_in_the_span(observe: Observe) -> None:
    """Names of parameters help to find a request; their values may be secret."""
    observed = observe(shop())
    async with observed.client() as client:
        await client.get("/v1/items/1?token=hunter2&page=3&hunter2")
        await client.get("/v1/items/1?" + "&".join(f"name{n}=hunter2" for n in range(1000)))
        await client.get("/v1/items/1")
    first, long, none = (dict(span.attributes or {}) for span in observed.spans)
    assert first["url.query"] == "token=REDACTED&page=REDACTED&REDACTED"
    assert "hunter2" not in str(first) + str(long)
    assert len(str(long["url.query"])) < 2048
    assert "url.query" not in none


async def test_a_failing_route_lookup_costs_the_route_only(
    observe: Observe, log_lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while an exception of the application passes through."""
    observed = observe(shop())

    def broken(*_: object) -> str:
        raise RuntimeError("bug")

    monkeypatch.setattr("observability.instrumentation.asgi.route_template", broken)
    assert (await observed.get("/v1/items/1")).status_code == 200
    assert (await observed.get("/fails")).status_code == 500
    assert await routes_counted(observed) == {"GET unmatched 200": 1, "GET unmatched 500": 1}
    assert any(line["event"] == "request_failed" for line in log_lines())
