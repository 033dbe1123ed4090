"""Errors as problem documents (RFC 9457), each with the trace id to look it up by."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from observability import current_trace_id, get_logger

MEDIA_TYPE = "application/problem+json"
log = get_logger(__name__)


class Problem(Exception):  # noqa: N818 - what RFC 9457 calls it
    """An error to tell the caller about.

    Args:
        status: HTTP status code.
        title: what kind of problem, the same text at each occurrence.
        detail: what is wrong this time.
        type: a URI that names the kind; `about:blank` when the status says it all.
        headers: added to the response, such as `WWW-Authenticate`.
        extra: further members of the document.
    """

    logged = False
    """Whether a line in the log tells of it already."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str | None = None,
        type: str | None = None,  # noqa: A002 - the member's name in RFC 9457
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(f"{status} {title}" + (f": {detail}" if detail else ""))
        self.status = status
        self.title = title
        self.detail = detail
        self.type = type or "about:blank"
        self.headers = dict(headers or {})
        self.extra = extra

    def document(self, instance: str | None = None) -> dict[str, Any]:
        """The problem document; `instance` is the path of the request that met it."""
        members = {
            **self.extra,
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "trace_id": current_trace_id(),
        }
        return {name: value for name, value in members.items() if value is not None}


def response(problem: Problem, instance: str | None = None) -> JSONResponse:
    """The problem as an HTTP response."""
    return JSONResponse(
        jsonable_encoder(problem.document(instance)),
        status_code=problem.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


def install(app: FastAPI) -> None:
    """Make the app answer every error with a problem document."""

    @app.exception_handler(Problem)
    async def on_problem(request: Request, error: Problem) -> JSONResponse:
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not error.logged:
            log.error("request_failed", status=error.status, title=error.title, detail=error.detail)
        return response(error, request.url.path)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        # Only where and what: the input itself may be a password or a card number.
        errors = [{"loc": e["loc"], "msg": e["msg"], "type": e["type"]} for e in error.errors()]
        detail = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in errors)
        return response(Problem(422, "Request not valid", detail, errors=errors), request.url.path)

    @app.exception_handler(HTTPException)
    async def on_http_exception(request: Request, error: HTTPException) -> JSONResponse:
        title = HTTPStatus(error.status_code).phrase
        detail = error.detail if error.detail != title else None
        problem = Problem(error.status_code, title, detail, headers=error.headers)
        return response(problem, request.url.path)

    app.add_middleware(_UnexpectedErrors)


class _UnexpectedErrors:
    """Answers 500 for what no handler caught.

    A middleware and not an exception handler for `Exception`: Starlette runs those outside of all
    middleware, where the trace of the request has ended, and raises again after them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and answer 500 if that raises."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            log.exception("unexpected_error", path=scope["path"], method=scope["method"])
            if started:
                raise  # too late to answer: let the server cut the connection
            problem = Problem(500, "Internal error", "An unexpected error occurred.")
            await response(problem, scope["path"])(scope, receive, send)
