"""Turns templates into answers, with what every page shows: user, cart, notices, ids."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from observability import current_trace_id
from services.gateway.pages import wording
from services.gateway.sessions import (
    Forms,
    Visitor,
    forget,
    remember_nonce,
    visitor_of,
)

TEMPLATES = Path(__file__).parents[1] / "templates"


def environment() -> Environment:
    """Return the template environment; everything is escaped, and a missing name is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(wording.FILTERS)
    return made


_environment = environment()


def page(  # noqa: PLR0913 - what all pages can show, by name
    request: Request,
    template: str,
    *,
    visitor: Visitor | None = None,
    status: int = 200,
    cart_count: int | None = None,
    unavailable: Sequence[str] = (),
    **content: Any,
) -> HTMLResponse:
    """Render a page.

    Args:
        request: The request it answers.
        template: File name of the template.
        visitor: Who looks at it; by default found from the request's cookies.
        status: HTTP status.
        cart_count: How many things are in the cart, if known.
        unavailable: What is missing on the page, a sentence each.
        **content: What the template needs besides.
    """
    visitor = visitor or visitor_of(request)
    trace_id = current_trace_id()
    forms: Forms = request.app.state.forms
    shown = {
        "request": request,
        "user": visitor.user,
        "csrf_token": forms.token(visitor),
        "cart_count": cart_count,
        "notice": wording.NOTICES.get(request.query_params.get("notice", "")),
        "unavailable": unavailable,
        "request_id": request.state.request_id,
        "trace_id": trace_id,
        "trace_url": trace_url(request.app.state.settings.console_url, trace_id),
        "query": None,
    }
    html = _environment.get_template(template).render(shown | content)
    response = HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})
    if not visitor.known:
        remember_nonce(request, response, visitor.nonce)
    return response


def trace_url(console_url: str | None, trace_id: str | None) -> str | None:
    """Return where the console shows a trace, if there is a console and a trace."""
    if not console_url or not trace_id:
        return None
    return f"{console_url.rstrip('/')}/traces/{trace_id}"


def see(path: str, notice: str | None = None) -> RedirectResponse:
    """Send the browser on to a page, after a form was done; the page shows the notice once."""
    mark = "&" if "?" in path else "?"
    return RedirectResponse(f"{path}{mark}notice={notice}" if notice else path, status_code=303)


def to_sign_in(request: Request) -> RedirectResponse:
    """Send the browser to sign in, and from there back to where it was."""
    back = request.url.path if request.method == "GET" else "/cart"
    response = see(f"/sign-in?next={quote(back)}", "sign_in")
    forget(request, response)
    return response


def local_path(path: str) -> str:
    """Return the path if it is one of ours, else the front page: never another site."""
    is_local = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_local and path.isprintable() else "/"
