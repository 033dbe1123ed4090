"""Who a request is: ids on every answer, and headers that keep pages safe."""

import re
import uuid

import structlog
from opentelemetry import trace
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from observability import current_trace_id
from services.kit.auditing import client_address
from services.kit.upstream_calls import UNWATCHED

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def request_id_of(scope: Scope) -> str:
    """Return the caller's `X-Request-ID` if it is safe to log and repeat, else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _SANE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


class RequestIdentity:
    """ASGI middleware around everything else, so that errors carry the ids too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] in UNWATCHED:
            await self.app(scope, receive, send)
            return
        request_id = request_id_of(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        # Not unbound afterwards: the request's own log line comes last, and its task ends with it.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        client_address.set(scope["client"][0] if scope.get("client") else "")

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                _identify(message, request_id)
            await send(message)

        await self.app(scope, receive, send_with_ids)


def _identify(start: Message, request_id: str) -> None:
    """Put the ids on the answer, and the request id on its span, which is open until then."""
    trace.get_current_span().set_attribute("request.id", request_id)
    headers = MutableHeaders(raw=start["headers"])
    headers["X-Request-ID"] = request_id
    trace_id = current_trace_id()
    if trace_id is not None:
        headers["X-Trace-ID"] = trace_id
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
