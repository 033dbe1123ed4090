"""The ASGI side: one pass per request for metrics and the access event, and ``/metrics``."""

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

import prometheus_client
from opentelemetry import trace
from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from observability.instrumentation import logs, state, stdlib_logs
from observability.instrumentation.exposition import Page
from observability.instrumentation.health import process
from observability.instrumentation.metrics import DURATION_BUCKETS, Gauge, Histogram
from observability.instrumentation.routes import (
    UNMATCHED,
    is_mounted,
    method_label,
    route_template,
)
from observability.instrumentation.tracing import span_method

if TYPE_CHECKING:
    from observability.instrumentation.telemetry import Telemetry

METRICS_PATH = "/metrics"
UNOBSERVED = frozenset({METRICS_PATH, "/livez", "/readyz"})
# Nobody was there any more to answer: neither a success nor a failure of the service.
CLIENT_GONE = 499
MAX_PATH = 512
# Set in the scope once the application's own stack has been reached.
ENTERED = "belfry.entered"


class ServerMetrics:
    """The request metrics of one app."""

    def __init__(self, registry: CollectorRegistry) -> None:
        duration_labels = ("http_request_method", "http_route", "http_response_status_code")
        duration = prometheus_client.Histogram(
            "http_server_request_duration_seconds",
            "Seconds from the request's arrival to the last byte of the answer.",
            duration_labels,
            registry=registry,
            buckets=DURATION_BUCKETS,
        )
        active = prometheus_client.Gauge(
            "http_server_active_requests",
            "Requests being handled now.",
            duration_labels[:1],
            registry=registry,
        )
        self.duration = Histogram(duration, duration_labels)
        self.active = Gauge(active, duration_labels[:1])


class Gate:
    """The outermost layer: answers ``/metrics`` and lets probes pass unobserved.

    Args:
        app: the whole stack, with spans.
        observed: the stack with metrics and logs, should making the span fail.
        unobserved: the application's own stack.
        page: what ``/metrics`` shows.
    """

    def __init__(
        self, app: ASGIApp, observed: "RequestTelemetry", unobserved: ASGIApp, page: Page
    ) -> None:
        self.app = app
        self._observed = observed
        self._unobserved = unobserved
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan":
            await self._unobserved(scope, receive, send)
            return
        # Tells FastAPI's own telemetry, of this app and of mounted ones, to stay out.
        scope["fastapi.telemetry"] = None
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path not in UNOBSERVED or scope["type"] != "http":
            await self._handle(scope, receive, send)
        elif path == METRICS_PATH:
            await self._metrics(scope, send)
        else:
            await self._unobserved(scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            if ENTERED in scope:
                raise
            # The span could not be made, of a query that is not UTF-8 for instance: the request
            # is answered all the same.
            process.failed("traces", error)
            await self._observed(scope, receive, send)

    async def _metrics(self, scope: Scope, send: Send) -> None:
        accept = b",".join(value for name, value in scope["headers"] if name == b"accept")
        try:
            # A thread, so that a long page does not hold up requests.
            body, content_type = await asyncio.to_thread(
                self._page.render, accept.decode("latin-1")
            )
            status = 200
        except Exception as error:
            process.failed("metrics_page", error)
            body, content_type, status = b"metrics could not be read\n", "text/plain", 500
        if scope.get("method") == "HEAD":
            body = b""
        headers = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class RequestTelemetry:
    """Observes each request once, inside its server span."""

    def __init__(self, app: ASGIApp, telemetry: "Telemetry", routes: Sequence[BaseRoute]) -> None:
        self.app = app
        self.telemetry = telemetry
        self.metrics = telemetry.server_metrics
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; websockets have a span only."""
        scope[ENTERED] = True
        token = state.enter(self.telemetry) if state.several() else None
        try:
            if scope["type"] == "http":
                await self._request(scope, receive, send)
            else:
                await self._websocket(scope, receive, send)
        finally:
            if token is not None:
                state.leave(token)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(self, scope, send)
        try:
            await self.app(scope, receive, exchange.send)
        except Exception as error:
            exchange.raised(error)
            raise
        except asyncio.CancelledError:
            exchange.gone()
            raise
        finally:
            exchange.finish()

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        span = trace.get_current_span()
        try:
            await self.app(scope, receive, send)
        finally:
            try:
                route = route_template(self.routes, scope)
                if route != UNMATCHED:
                    span.set_attribute("http.route", route)
                span.update_name(f"WS {route}")
            except Exception as error:
                process.failed("http", error)


class _Exchange:
    """One request and its answer."""

    __slots__ = (
        *("_active", "_finished", "_method", "_owner", "_route"),
        *("_scope", "_send", "_span", "_start", "_status"),
    )

    def __init__(self, owner: RequestTelemetry, scope: Scope, send: Send) -> None:
        self._start = perf_counter()
        self._owner = owner
        self._scope = scope
        self._send = send
        self._span = trace.get_current_span()
        self._status = 0
        self._route = ""
        self._finished = False
        self._method = method_label(scope["method"])
        self._active = owner.metrics.active.labels(self._method)
        self._active.inc()

    async def send(self, message: Message) -> None:
        """Pass on one message of the answer; the last one ends the measurement."""
        kind = message["type"]
        if kind == "http.response.start":
            self._status = message["status"]
            self._name_span()
        await self._send(message)
        if kind == "http.response.body" and not message.get("more_body", False):
            self.finish()

    def raised(self, error: BaseException) -> None:
        """Log an exception that nothing handled, once and with its trace id."""
        if self._status == 0:
            self._status = 500
        self._name_span()
        fields = {"http_request_method": self._method, "http_route": self._route}
        logs.write(
            "error", "request_failed", {**fields, "exc_info": error}, self._span.get_span_context()
        )
        stdlib_logs.report_once(error)

    def gone(self) -> None:
        """Note that the request was cancelled before it was answered."""
        if self._status == 0:
            self._status = CLIENT_GONE

    def finish(self) -> None:
        """Measure and log the request, the first time that it is called."""
        if self._finished:
            return
        self._finished = True
        try:
            self._active.dec()
            self._name_span()
            self._observe(perf_counter() - self._start)
        except Exception as error:
            process.failed("http", error)

    def _observe(self, seconds: float) -> None:
        status = self._status or 500
        context = self._span.get_span_context()
        child = self._owner.metrics.duration.labels(self._method, self._route, status)
        child.observe(seconds, context)
        if self._owner.telemetry.access_log:
            fields = {
                "http_request_method": self._method,
                "http_route": self._route,
                "http_response_status_code": status,
                "url_path": self._scope["path"][:MAX_PATH],
                "duration_seconds": round(seconds, 6),
            }
            logs.write("error" if status >= 500 else "info", "request_finished", fields, context)

    def _name_span(self) -> None:
        """Find the route's template, the first time, and give it to the span."""
        if self._route:
            return
        try:
            self._route = route_template(self._owner.routes, self._scope)
            if self._route != UNMATCHED or is_mounted(self._scope):
                self._span.set_attribute("http.route", self._route)
                self._span.update_name(f"{span_method(self._method)} {self._route}")
        except Exception as error:
            self._route = self._route or UNMATCHED
            process.failed("http", error)
