"""Alerts received, and one of them as an incident: what it says, and where to look."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from observability.alerting.links import links
from observability.alerting.notifications import Heartbeat, Notification, Store
from observability.console import addresses
from observability.console.context import Context
from observability.console.frame import form, page, select
from observability.console.markup import Markup, element, join, link, table, time_at
from observability.console.parts import Parts
from observability.console.timerange import TimeRange

_SHOWN = 100
_REFRESH = "5"
_SILENT_AFTER_SECONDS = 300
_BEFORE, _AFTER = timedelta(minutes=15), timedelta(minutes=5)
_MOST_IDS = 2**63
Section = Callable[[Context, Notification], Markup]


def register(pages: APIRouter, context: Context) -> None:
    """Add the pages."""

    @pages.get("/alerts")
    async def inbox(request: Request) -> Response:
        status = request.query_params.get("status", "")
        states = {"": "all", "firing": "firing", "resolved": "resolved"}
        toolbar = form(select("status", "State", states, status), label="Which alerts")
        parts = Parts(request)
        listed = parts.lazy("inbox", lambda: _inbox(context.store, status), every=_REFRESH)

        async def whole() -> HTMLResponse:
            return page("Alerts", "/alerts", listed, toolbar=toolbar)

        return await parts.answer(whole)

    @pages.get("/alerts/{number}")
    async def incident(number: int) -> Response:
        known = 0 < number < _MOST_IDS
        one = await asyncio.to_thread(context.store.one, number) if known else None
        if one is None:
            raise HTTPException(404, f"no alert {number}")
        above = link("← Alerts", "/alerts", class_="back")
        content = [card(one), *(section(context, one) for section in SECTIONS)]
        return page(one.name, "/alerts", *content, above=above)


def card(one: Notification) -> Markup:
    """An alert that fires, or the end of one."""
    state = "firing" if one.still_firing else "resolved"
    return element(
        "article",
        element(
            "h3",
            element("span", one.severity, class_="severity"),
            " ",
            link(one.summary or one.name, addresses.incident(one.id)),
        ),
        element("p", one.description),
        element(
            "p",
            f"{one.name} · {state} · since ",
            _when(one.starts_at),
            f" · team {one.team} " if one.team else " ",
            _go(one),
            class_="meta",
        ),
        class_=f"alert {one.severity} {state}",
    )


def alerting_path(beats: Sequence[Heartbeat], now: datetime) -> tuple[bool | None, str]:
    """Whether alerts arrive (None: not known yet), and the sentence that says so."""
    if not beats:
        return None, "No heartbeat from the alerting path yet."
    ago = round((now - max(beat.received_at for beat in beats)).total_seconds())
    silent = ago > _SILENT_AFTER_SECONDS
    said = "fell silent" if silent else "is whole"
    return not silent, f"The alerting path {said}: last heartbeat {ago} s ago."


def period(one: Notification) -> TimeRange:
    """From before it began until after it ended, or until now."""
    ended = one.ends_at or one.resolved_at
    start = str(round((one.starts_at - _BEFORE).timestamp() * 1000))
    return TimeRange(start, str(round((ended + _AFTER).timestamp() * 1000)) if ended else "now")


def dashboard(one: Notification) -> str | None:
    """The dashboard that the alert names, in the console, at its time."""
    found = links(one, grafana="").dashboard
    path = urlsplit(found or "").path
    if not path.startswith("/d/"):
        return None
    variables = {
        name.removeprefix("var-"): values[0]
        for name, values in parse_qs(urlsplit(found or "").query).items()
        if name.startswith("var-")
    }
    return addresses.dashboard(path.split("/")[2], period(one), **variables)


async def _inbox(store: Store, status: str) -> Markup:
    received = await asyncio.to_thread(store.find, limit=_SHOWN)
    firing = await asyncio.to_thread(store.find, status="firing")
    whole, said = alerting_path(await asyncio.to_thread(store.heartbeats), datetime.now(UTC))
    parts: list[object] = [element("h2", "Firing now")]
    if firing:
        parts += [card(one) for one in reversed(firing)]
    else:
        parts.append(element("p", "Nothing. All is well, as far as the rules can tell."))
    parts.append(element("p", said, class_="path broken" if whole is False else "path"))
    parts.append(element("h2", "Received"))
    listed = [one for one in reversed(received) if not status or one.status == status]
    parts.append(_table(listed))
    return join(parts)


def _table(received: Sequence[Notification]) -> Markup:
    if not received:
        hint = element("code", "belfry fault set checkout.error_rate=0.5")
        return element("p", "No notification yet. To see one arrive: ", hint, " under load.")
    rows = [
        [
            _when(one.received_at),
            element("span", one.status, class_=f"state {one.status} {one.severity}"),
            link(one.name, addresses.incident(one.id)),
            one.summary,
            _go(one),
        ]
        for one in received
    ]
    return table(["Received", "State", "Alert", "What", "Open"], rows, "Notifications received")


def _go(one: Notification) -> Markup:
    ways = {"dashboard": dashboard(one), "runbook": links(one, grafana="").runbook}
    return join([link(name, to) for name, to in ways.items() if to], between=" ")


def _when(moment: datetime) -> Markup:
    return time_at(moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"), moment.isoformat())


def _ways(context: Context, one: Notification) -> Markup:
    """Where to look: each leads to the time of the alert."""
    shown = period(one)
    service = one.service
    ways = {
        "Dashboard": dashboard(one),
        "Runbook": links(one, grafana="").runbook,
        "Failed traces": addresses.traces(shown, service=service, errors="1") if service else None,
        "Errors logged": addresses.logs("", shown, service=service, level="warning"),
        "The same in Grafana": links(
            one, grafana=context.settings.grafana_url or context.settings.url("grafana")
        ).dashboard,
    }
    listed = [element("li", link(name, to)) for name, to in ways.items() if to]
    return element("h2", "Where to look") + element("ul", *listed, class_="ways")


def _labels(_context: Context, one: Notification) -> Markup:
    rows = [[element("code", key), value] for key, value in sorted(one.labels.items())]
    return element("h2", "Labels") + table(["Label", "Value"], rows, "Labels")


#: Parts of an incident, in their order; each is given the alert and answers with HTML.
SECTIONS: tuple[Section, ...] = (_ways, _labels)
