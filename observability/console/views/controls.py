"""The page of load and faults: for who is signed in."""

import asyncio

from fastapi import APIRouter, Request, Response

from observability.console.access import Access
from observability.console.context import Context
from observability.console.frame import field, hidden, page
from observability.console.loadrun import LoadRun
from observability.console.markup import Markup, element, join
from observability.console.views.signing import form_token, post, said, sign_in
from observability.exits import UsageError
from observability.faults import Fault, FlagFile

_WHY = "Controls break things on purpose, so they ask for the console's token."


def register(pages: APIRouter, context: Context, access: Access, load: LoadRun) -> None:
    """Add the page."""

    @pages.get("/controls")
    async def controls(request: Request) -> Response:
        session = access.session(request)
        if session is None:
            form = sign_in(access, request, _WHY, "/controls")
            return page("Controls", "/controls", form)
        token = form_token(access, session)
        return page(
            "Controls",
            "/controls",
            said(access, session),
            _load(load, token),
            await asyncio.to_thread(_faults, context, token),
            post("/controls/sign-out", token, button=f"Sign out {session.person}"),
        )


def _load(load: LoadRun, token: Markup) -> Markup:
    start = post(
        "/controls/load",
        token,
        field("users", "Users", "5", type="number", min="1", max="100"),
        field("seconds", "Seconds", "120", type="number", min="1", max="3600"),
        field("rate", "Requests a second, at most", "", type="number", min="0.1", step="any"),
        button="Start load",
    )
    stop = post("/controls/load/stop", token, button="Stop load")
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
    clear = post("/controls/faults/clear", token, button="Clear all faults") if active else ""
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
        post(
            "/controls/faults",
            token,
            hidden("name", one.name),
            box,
            button=button,
            label=one.name,
        ),
        class_="fault active" if one.active else "fault",
    )
