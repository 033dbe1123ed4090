"""Outgoing HTTP by httpx: a CLIENT span, a metric and the W3C headers for each request.

:func:`observe_all_clients` does it for every client, as ``instrument()`` asks for;
:func:`instrument_client` for one, which may then be told the name of the service it calls.
"""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, TypeVar

import httpx
from opentelemetry import propagate, trace
from opentelemetry.instrumentation.utils import is_http_instrumentation_enabled
from opentelemetry.trace import Span, SpanKind, StatusCode

from observability.instrumentation import metrics, state
from observability.instrumentation.exporting import in_export_thread
from observability.instrumentation.health import process
from observability.instrumentation.routes import method_label
from observability.instrumentation.tracing import span_method, tracer

Client = TypeVar("Client", httpx.AsyncClient, httpx.Client)
AsyncSend = Callable[..., Awaitable[httpx.Response]]
Send = Callable[..., httpx.Response]

# In place of a status, when there was no answer.
NO_ANSWER = "error"
# Hosts come from data in some applications: fewer series than other metrics may have.
MAX_LABEL_SETS = 300
# Requests by these go to an app in this process, as its tests do; they call nobody.
_IN_PROCESS = frozenset({"ASGITransport", "WSGITransport", "_TestClientTransport"})
_MARK = "_belfry_instrumented"

_duration = metrics.histogram(
    "http_client_request_duration_seconds",
    "Seconds from sending a request to having read the answer.",
    ("http_request_method", "http_response_status_code", "server_address"),
    max_label_sets=MAX_LABEL_SETS,
)


def instrument_client(client: Client, peer: str | None = None) -> Client:
    """Observe each request that this client sends, and carry the trace and baggage along.

    A request that is redirected counts once. Repeated calls for one client change nothing.

    Args:
        client: its ``send`` is wrapped.
        peer: the logical name of the service called, for metrics and the service map; by
            default the host of each request.

    Returns:
        The same client.
    """
    attributes = vars(client)
    if attributes.get(_MARK):
        return client
    if isinstance(client, httpx.AsyncClient):
        attributes["send"] = functools.partial(_send_async, client.send, peer)
    else:
        attributes["send"] = functools.partial(_send, client.send, peer)
    attributes[_MARK] = True
    return client


@functools.cache
def observe_all_clients() -> None:
    """Observe each request that any client of httpx sends, made before or after; once.

    As with statements, there is a span only inside another one: a loop that looks for work
    would fill the store with traces of one call each. The metric counts all.
    """
    send_async, send = httpx.AsyncClient.send, httpx.Client.send

    @functools.wraps(send_async)
    async def observed_async(
        client: httpx.AsyncClient, request: httpx.Request, **options: Any
    ) -> httpx.Response:
        bound = functools.partial(send_async, client)
        if _is_left_alone(client):
            return await bound(request, **options)
        return await _send_async(bound, None, request, inside=True, **options)

    @functools.wraps(send)
    def observed(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        bound = functools.partial(send, client)
        if _is_left_alone(client):
            return bound(request, **options)
        return _send(bound, None, request, inside=True, **options)

    httpx.AsyncClient.send = observed_async  # type: ignore[method-assign, assignment]  # as said
    httpx.Client.send = observed  # type: ignore[method-assign, assignment]  # as said


def _is_left_alone(client: httpx.AsyncClient | httpx.Client) -> bool:
    return (
        _MARK in vars(client)  # observed by a wrapper of its own
        or in_export_thread()
        or state.current() is None
        or type(getattr(client, "_transport", None)).__name__ in _IN_PROCESS
        or not is_http_instrumentation_enabled()
    )


async def _send_async(
    send: AsyncSend, peer: str | None, request: httpx.Request, **options: Any
) -> httpx.Response:
    call = _Call(request, peer, inside=options.pop("inside", False))
    with call.sending():
        response = await send(request, **options)
    body = _AsyncBody(response.stream, call)
    return call.answered(response, body if options.get("stream") else None)


def _send(send: Send, peer: str | None, request: httpx.Request, **options: Any) -> httpx.Response:
    call = _Call(request, peer, inside=options.pop("inside", False))
    with call.sending():
        response = send(request, **options)
    body = _Body(response.stream, call)
    return call.answered(response, body if options.get("stream") else None)


class _AsyncBody(httpx.AsyncByteStream):
    """The body of an answer that the application reads by itself; its end is the call's end."""

    def __init__(self, inner: Any, call: "_Call") -> None:
        self._inner = inner
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._inner:
                yield part
        except Exception as error:
            self._call.failed(error)
            raise

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._call.finish()


class _Body(httpx.SyncByteStream):
    """The same for a client that blocks."""

    def __init__(self, inner: Any, call: "_Call") -> None:
        self._inner = inner
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._inner
        except Exception as error:
            self._call.failed(error)
            raise

    def close(self) -> None:
        try:
            self._inner.close()
        finally:
            self._call.finish()


class _Call:
    """One request on its way.

    Args:
        request: gets the headers that carry the trace.
        peer: logical name of the service called.
        inside: whether it has a span only if there is one already.
    """

    def __init__(self, request: httpx.Request, peer: str | None, *, inside: bool) -> None:
        self._start = perf_counter()
        self._method = method_label(request.method.upper())
        self._address = peer or request.url.host
        self._status = NO_ANSWER
        self._finished = False
        self._span: Span = trace.INVALID_SPAN
        try:
            if not inside or trace.get_current_span().get_span_context().is_valid:
                self._span = self._start_span(request, peer)
                self._carry_context(request)
        except Exception as error:
            process.failed("http_client", error)

    @contextmanager
    def sending(self) -> Generator[None, None, None]:
        """Run the block with the request's span as the current one; ends the call if it raises."""
        with trace.use_span(self._span, record_exception=False, set_status_on_exception=False):
            try:
                yield
            except BaseException as error:
                self.failed(error)
                raise

    def answered(self, response: httpx.Response, body: Any) -> httpx.Response:
        """Note the answer's status; what is measured ends now, or with a body still to be read."""
        self._status = str(response.status_code)
        self._span.set_attribute("http.response.status_code", response.status_code)
        if response.status_code >= 400:
            self._span.set_attribute("error.type", self._status)
            self._span.set_status(StatusCode.ERROR)
        if body is None or response.is_closed:
            self.finish()
        else:
            response.stream = body
        return response

    def failed(self, error: BaseException) -> None:
        """Finish without an answer, or without the whole of it."""
        self._status = NO_ANSWER
        if self._span.is_recording():
            self._span.set_attribute("error.type", type(error).__qualname__)
            self._span.record_exception(error)
            self._span.set_status(StatusCode.ERROR, type(error).__qualname__)
        self.finish()

    def finish(self) -> None:
        """Measure the call and end its span, the first time that it is called."""
        if self._finished:
            return
        self._finished = True
        labelled = _duration.labels(self._method, self._status, self._address)
        labelled.observe(perf_counter() - self._start, self._span.get_span_context())
        self._span.end()

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
        name = span_method(self._method)
        return tracer().start_span(name, kind=SpanKind.CLIENT, attributes=attributes)

    def _carry_context(self, request: httpx.Request) -> None:
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(self._span))
        request.headers.update(carrier)
