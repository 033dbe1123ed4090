"""How many calls to other services a request takes: what makes a chatty route visible."""

from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from observability import Histogram, histogram

UNWATCHED = frozenset({"/livez", "/readyz", "/metrics"})
"""Paths at which the service is looked after rather than used."""

_calls: ContextVar[list[int] | None] = ContextVar("upstream_calls", default=None)


class UpstreamCalls:
    """ASGI middleware that measures the calls by route, in a service that makes any."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        measured = _Measure.histogram
        if measured is None or scope["type"] != "http" or scope["path"] in UNWATCHED:
            await self.app(scope, receive, send)
            return
        calls = [0]
        _calls.set(calls)

        async def observed(message: Message) -> None:
            # What matched no route has made no calls.
            template = getattr(scope.get("route"), "path", None)
            if message["type"] == "http.response.start" and template:
                measured.labels(template).observe(calls[0])
            await send(message)

        await self.app(scope, receive, observed)


class _Measure:
    histogram: Histogram | None = None


def measure() -> None:
    """Measure from now on: this process has someone who makes calls."""
    _Measure.histogram = histogram(
        "http_server_upstream_calls",
        "Calls to other services that one request took.",
        ["http_route"],
        buckets=(0, 1, 2, 3, 4, 5, 8, 13, 21),
    )


def count() -> None:
    """Count a call in the request that it is made for, if for one."""
    calls = _calls.get()
    if calls is not None:
        calls[0] += 1
