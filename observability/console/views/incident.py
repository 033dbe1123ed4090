"""One incident: what fired, its evidence and timeline, and what can be done about it."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse

from observability.alerting.evidence.chart import svg
from observability.alerting.incident_parts import TIMELINE, Shown, moment, shown
from observability.alerting.incidents import Event, Incident, find_incident
from observability.alerting.receivers.message import FIGURE, Line
from observability.console import addresses
from observability.console.access import Access
from observability.console.alert_actions import SILENCES
from observability.console.context import Context
from observability.console.frame import field, page, select
from observability.console.markup import Markup, element, join, link, table, time_at
from observability.console.parts import Parts
from observability.console.views.alerts import ways_to
from observability.console.views.signing import form_token, post, said, sign_in

_REFRESH = "5"
_WHY = "Whoever acknowledges or silences an alert signs in with the console's token."


def register(pages: APIRouter, context: Context, access: Access) -> None:
    """Add the page."""

    @pages.get("/alerts/{number}")
    async def incident(request: Request, number: Annotated[int, Path(ge=1, lt=2**63)]) -> Response:
        found = await _find(context, number)
        parts = Parts(request)

        async def load() -> Markup:
            return _drawn(await _find(context, number))

        content = await parts.drawn("incident", load, every=_REFRESH)

        async def whole() -> HTMLResponse:
            above = link("← Alerts", "/alerts", class_="back")
            acts = _acts(found, access, request)
            return page(found.notification.name, "/alerts", acts, content, above=above)

        return await parts.answer(whole)


async def _find(context: Context, number: int) -> Incident:
    found = await asyncio.to_thread(find_incident, context.store, number)
    if found is None:
        raise HTTPException(404, f"no alert {number}")
    return found


def _drawn(found: Incident) -> Markup:
    view = shown(found, UTC)
    parts = [_part(title, lines, found) for title, lines in view.parts]
    return join(
        [
            _head(found, view),
            element("div", *parts, _timeline(view.timeline), _labels(found), class_="incident"),
        ]
    )


def _head(found: Incident, view: Shown) -> Markup:
    one = found.notification
    return element(
        "article",
        *(
            element("p", text, class_="strong" if not n else None)
            for n, text in enumerate(view.texts)
        ),
        element(
            "p",
            element("span", view.state, class_=f"state {view.state} {one.severity}"),
            f" · {view.facts} · since ",
            _when(one.starts_at),
            " UTC ",
            ways_to(one),
            class_="meta",
        ),
        *(element("p", text, class_="standing") for text in view.standing),
        class_=f"alert {one.severity} {view.state}",
    )


def _part(title: str, lines: list[Line], found: Incident) -> Markup:
    figure = found.evidence.figure if found.evidence else None
    chart = Markup(svg(figure)) if figure and title == FIGURE else Markup()
    # beside a chart, the small one of characters says nothing new
    here = found.evidence.ways.incident if found.evidence else None
    told = [one for one in (lines[:1] if chart else lines) if not one.to or one.to != here]
    items = [element("li", _line(one, found), class_=one.kind or None) for one in told]
    return element(
        "section",
        element("h2", title),
        element("ul", *items),
        chart,
        class_=f"part {title.partition(' ')[0].lower()}",
        aria_label=title,
    )


def _line(one: Line, found: Incident) -> object:
    if one.to:
        return link(one.text, _local(one.to, found))
    if not one.trace:
        return one.text
    head, known, rest = one.text.partition(one.trace)
    if known:
        return join([head, link(one.trace, addresses.trace(one.trace)), rest])
    return join([one.text, " ", link("trace", addresses.trace(one.trace), class_="more")])


def _local(address: str, found: Incident) -> str:
    """Messages need the console's whole address; on its own pages the path is enough."""
    here = (found.evidence.ways.incident if found.evidence else None) or ""
    console = here.removesuffix(addresses.incident(found.notification.id))
    return address.removeprefix(console) if console else address


def _timeline(events: list[Event]) -> Markup:
    items = [
        element(
            "li",
            _when(event.at),
            " ",
            element("b", event.kind),
            f" {event.who} {event.note}".rstrip(),
            class_=event.kind,
        )
        for event in events
    ]
    return element(
        "section",
        element("h2", TIMELINE),
        element("ol", *items),
        class_="part timeline",
        aria_label=TIMELINE,
    )


def _labels(found: Incident) -> Markup:
    rows = [
        [element("code", key), value] for key, value in sorted(found.notification.labels.items())
    ]
    return element(
        "section",
        element("h2", "Labels"),
        table(["Label", "Value"], rows, "Labels"),
        class_="part labels",
        aria_label="Labels",
    )


def _acts(found: Incident, access: Access, request: Request) -> Markup:
    """Forms for who is signed in; for others the way to be."""
    here = addresses.incident(found.notification.id)
    session = access.session(request)
    if session is None:
        return element(
            "details",
            element("summary", "Acknowledge or silence"),
            sign_in(access, request, _WHY, here),
            open="refused" in request.query_params,
            class_="acts",
            id="silence",
        )
    token = form_token(access, session)
    end = post(f"{here}/unsilence", token, button="End the silence") if found.silenced else ""
    return element(
        "section",
        said(access, session),
        post(
            f"{here}/acknowledge",
            token,
            field("note", "What you are going to do", "", size="28", maxlength="300"),
            button="Acknowledge",
        ),
        post(
            f"{here}/silence",
            token,
            select("lasting", "For", {name: name for name in SILENCES}, "1 hour"),
            field("comment", "Why", "", size="28", maxlength="300", required="required"),
            button="Silence",
        ),
        end,
        class_="part acts",
        id="silence",
        aria_label=f"What to do, as {session.person}",
    )


def _when(at: datetime) -> Markup:
    return time_at(moment(at, UTC), at.isoformat())
