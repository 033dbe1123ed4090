"""Outgoing HTTP by httpx: a CLIENT span, a metric and the W3C headers for each request."""

from time import perf_counter
from typing import Any

import httpx
from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from observability.instrumentation import metrics
from observability.instrumentation.health import process
from observability.instrumentation.routes import method_label
from observability.instrumentation.tracing import tracer

# In place of a status, when there was no answer.
NO_ANSWER = "error"
_MARK = "_belfry_instrumented"

_duration = metrics.histogram(
    "http_client_request_duration_seconds",
    "Seconds from sending a request to having read the answer.",
    ("http_request_method", "http_response_status_code", "server_address"),
)


def instrument_client(client: httpx.AsyncClient, peer: str | None = None) -> httpx.AsyncClient:
    """Observe each request that this client sends, and carry the trace and baggage along.

    A request that is redirected counts once. Repeated calls for one client change nothing.

    Args:
        client: its ``send`` is wrapped.
        peer: the logical name of the service called, for metrics and the service map; by
            default the host of each request.

    Returns:
        The same client.
    """
    if vars(client).get(_MARK):
        return client
    send = client.send

    async def observed_send(request: httpx.Request, **options: Any) -> httpx.Response:
        call = _Call(request, peer)
        with trace.use_span(call.span, record_exception=False, set_status_on_exception=False):
            try:
                response = await send(request, **options)
            except BaseException as error:
                call.failed(error)
                raise
            call.answered(response.status_code)
            return response

    vars(client)["send"] = observed_send
    vars(client)[_MARK] = True
    return client


class _Call:
    """One request on its way."""

    def __init__(self, request: httpx.Request, peer: str | None) -> None:
        self._start = perf_counter()
        self._method = method_label(request.method.upper())
        self._address = peer or request.url.host
        self.span = self._start_span(request, peer)
        self._carry_context(request)

    def answered(self, status: int) -> None:
        """Finish with the answer's status."""
        self.span.set_attribute("http.response.status_code", status)
        if status >= 400:
            self.span.set_attribute("error.type", str(status))
            self.span.set_status(StatusCode.ERROR)
        self._finish(str(status))

    def failed(self, error: BaseException) -> None:
        """Finish without an answer."""
        self.span.set_attribute("error.type", type(error).__qualname__)
        self.span.record_exception(error)
        self.span.set_status(StatusCode.ERROR, type(error).__qualname__)
        self._finish(NO_ANSWER)

    def _finish(self, status: str) -> None:
        duration = perf_counter() - self._start
        # The span is still current: it becomes the exemplar.
        _duration.labels(self._method, status, self._address).observe(duration)
        self.span.end()

    def _start_span(self, request: httpx.Request, peer: str | None) -> Span:
        url = request.url
        attributes: dict[str, str | int] = {
            "http.request.method": self._method,
            "server.address": self._address,
            # Without query and user: they may be secret, and are not needed to find the call.
            "url.full": f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}{url.path}",
        }
        port = url.port or {"http": 80, "https": 443}.get(url.scheme)
        if port is not None:
            attributes["server.port"] = port
        if peer is not None:
            attributes["peer.service"] = peer
        name = "HTTP" if self._method == "_OTHER" else self._method
        return tracer().start_span(name, kind=SpanKind.CLIENT, attributes=attributes)

    def _carry_context(self, request: httpx.Request) -> None:
        carrier: dict[str, str] = {}
        try:
            propagate.inject(carrier, trace.set_span_in_context(self.span))
            request.headers.update(carrier)
        except Exception as error:
            process.failed("http_client", error)
