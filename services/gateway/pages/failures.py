"""Errors as pages for people; for callers of the API they stay problem documents."""

from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from observability import get_logger
from services.gateway.pages.rendering import page, to_sign_in
from services.gateway.sessions import SignInNeededError
from services.kit.problems import Problem

log = get_logger(__name__)
Handler = Callable[[Request, Exception], Response | Awaitable[Response]]

_ADVICE = {
    400: ("We did not understand that", "Please go back and try again."),
    403: ("Not allowed", "Please open the page again and send the form from there."),
    404: ("Not here", "There is nothing at this address."),
    405: ("Not here", "This address cannot be used in that way."),
    409: ("That does not go together", "Something has changed meanwhile. Please look again."),
    413: ("Too much at once", "That was longer than we can take."),
    422: ("We did not understand that", "Please check the address."),
    500: ("Something went wrong", "It is our fault. We can look it up by the trace id below."),
    502: ("Part of the shop is down", "Please try again in a moment."),
    503: ("Part of the shop is down", "Please try again in a moment."),
    504: ("Part of the shop is slow", "Please try again in a moment."),
}


class PageRoute(APIRoute):
    """A page's route: what no one foresaw becomes a page as well; HEAD is answered as GET is."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: set[str] | list[str] | None = None,
        **options: Any,
    ) -> None:
        chosen = set(methods or ["GET"])
        chosen |= {"HEAD"} if "GET" in chosen else set()
        super().__init__(path, endpoint, methods=chosen, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the unforeseen turned into a Problem."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except (Problem, SignInNeededError, HTTPException, RequestValidationError):
                raise
            except Exception as error:
                log.exception("unexpected_error", path=request.url.path, method=request.method)
                raise Problem(500, "Internal error") from error

        return handler


def install(app: FastAPI) -> None:
    """Answer errors outside of the API with pages."""
    for kind, status in ((Problem, None), (RequestValidationError, 422), (HTTPException, None)):
        as_document: Handler = app.exception_handlers[kind]
        app.add_exception_handler(kind, _page_or(as_document, status))
    app.add_exception_handler(SignInNeededError, _on_sign_in_needed)


def _page_or(
    as_document: Handler, status: int | None
) -> Callable[[Request, Exception], Coroutine[Any, Any, Response]]:
    async def handler(request: Request, error: Exception) -> Response:
        if request.url.path.startswith("/api/"):
            answer = as_document(request, error)
            return await answer if isinstance(answer, Awaitable) else answer
        return error_page(request, error, status)

    return handler


async def _on_sign_in_needed(request: Request, _error: Exception) -> Response:
    return to_sign_in(request)


def error_page(request: Request, error: Exception, status: int | None = None) -> Response:
    """Return the page for an error; a token the services no longer accept leads to sign in."""
    status = status or int(getattr(error, "status", 0) or getattr(error, "status_code", 500))
    if status == HTTPStatus.UNAUTHORIZED:
        return to_sign_in(request)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not getattr(error, "logged", False):
        log.error("page_failed", status=status, error=str(error))
    heading, advice = _ADVICE.get(status) or (HTTPStatus(status).phrase, "Please try again.")
    detail = error.detail if isinstance(error, Problem) else None
    return page(request, "error.html", status=status, heading=heading, advice=advice, detail=detail)
