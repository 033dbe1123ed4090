"""The page of load and faults: for who is signed in."""

import asyncio

from fastapi import APIRouter, Request, Response

from observability.console.access import Access
from observability.console.context import Context
from observability.console.frame import field, hidden, page
from observability.console.loadrun import LoadRun
from observability.console.markup import Markup, element, join
from observability.exits import UsageError
from observability.faults import Fault, FlagFile


def register(pages: APIRouter, context: Context, access: Access, load: LoadRun) -> None:
    """Add the page."""

    @pages.get("/controls")
    async def controls(request: Request) -> Response:
        session = access.session(request)
        if session is None:
            refused = request.query_params.get("refused") == "1"
            return page("Controls", "/controls", _sign_in(access, refused=refused))
        said = access.said(session)
        token = hidden("form_token", access.form_token(session))
        return page(
            "Controls",
            "/controls",
            element("p", said, role="status", class_="said strong") if said else "",
            _load(load, token),
            await asyncio.to_thread(_faults, context, token),
            _post("/controls/sign-out", token, button="Sign out"),
        )


def _sign_in(access: Access, *, refused: bool) -> Markup:
    why = element("p", "That is not the token.", role="alert", class_="down") if refused else ""
    token = field("token", "Token", "", type="password", autocomplete="off", required="required")
    return element(
        "section",
        element("h2", "Sign in"),
        element(
            "p",
            "Controls break things on purpose, so they ask for the console's token. It is in ",
            element("code", access.where),
            ", which only its owner can read.",
        ),
        why,
        _post("/controls/sign-in", token, button="Sign in"),
        class_="part",
    )


def _load(load: LoadRun, token: Markup) -> Markup:
    start = _post(
        "/controls/load",
        token,
        field("users", "Users", "5", type="number", min="1", max="100"),
        field("seconds", "Seconds", "120", type="number", min="1", max="3600"),
        field("rate", "Requests a second, at most", "", type="number", min="0.1", step="any"),
        button="Start load",
    )
    stop = _post("/controls/load/stop", token, button="Stop load")
    return element(
        "section",
        element("h2", "Load"),
        element("p", load.words),
        stop if load.running else start,
        class_="part",
    )


def _faults(context: Context, token: Markup) -> Markup:
    try:
        found = FlagFile(context.settings.flags_file).faults()
    except UsageError as error:
        return element("section", element("h2", "Faults"), element("p", error, class_="down"))
    active = [one for one in found if one.active]
    clear = _post("/controls/faults/clear", token, button="Clear all faults") if active else ""
    groups: dict[str, list[Fault]] = {}
    for one in found:
        groups.setdefault(one.name.partition(".")[0], []).append(one)
    said = f"{len(active)} set: {', '.join(one.name for one in active)}" if active else "None set."
    return element(
        "section",
        element("h2", "Faults"),
        element("p", said, class_="bad" if active else None),
        clear,
        join(_group(name, faults, token) for name, faults in groups.items()),
        class_="part faults",
    )


def _group(name: str, faults: list[Fault], token: Markup) -> Markup:
    return element(
        "details",
        element("summary", name),
        *(_fault(one, token) for one in faults),
        open=any(one.active for one in faults),
    )


def _fault(one: Fault, token: Markup) -> Markup:
    value = str(one.value).lower()
    if isinstance(one.value, bool):
        button = "Turn off" if one.active else "Turn on"
        box = hidden("value", "false" if one.active else "true")
    else:
        button = "Set"
        limit = {"max": f"{one.maximum:g}"} if one.maximum is not None else {}
        box = field(
            "value", one.unit or "value", value, type="number", min="0", step="any", **limit
        )
    return element(
        "div",
        element("p", element("strong", one.name), " ", one.description),
        _post(
            "/controls/faults",
            token,
            hidden("name", one.name),
            box,
            button=button,
            label=one.name,
        ),
        class_="fault active" if one.active else "fault",
    )


def _post(action: str, *fields: object, button: str, label: str | None = None) -> Markup:
    return element(
        "form",
        *fields,
        element("button", button, type="submit", aria_label=f"{button} {label}" if label else None),
        method="post",
        action=action,
        class_="toolbar",
        aria_label=label or button,
    )
