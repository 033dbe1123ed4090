"""Alerts received: what fires now, what came, and whether alerts arrive at all."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from observability.alerting import links
from observability.alerting.notifications import Heartbeat, Notification, Store
from observability.alerting.own_alerts import WATCHDOG_SILENT
from observability.alerting.watchdog import last_heartbeat
from observability.console import addresses
from observability.console.context import Context
from observability.console.frame import form, page, select
from observability.console.markup import Markup, element, join, link, table, time_at
from observability.console.parts import Parts

_SHOWN = 100
_REFRESH = "5"


def register(pages: APIRouter, context: Context) -> None:
    """Add the pages."""

    @pages.get("/alerts")
    async def inbox(request: Request) -> Response:
        status = request.query_params.get("status", "")
        states = {"": "all", "firing": "firing", "resolved": "resolved"}
        toolbar = form(select("status", "State", states, status), label="Which alerts")
        parts = Parts(request)
        listed = await parts.drawn("inbox", lambda: _inbox(context.store, status), every=_REFRESH)

        async def whole() -> HTMLResponse:
            return page("Alerts", "/alerts", listed, toolbar=toolbar)

        return await parts.answer(whole)


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
            ways_to(one),
            class_="meta",
        ),
        class_=f"alert {one.severity} {state}",
    )


def alerting_path(
    beats: Sequence[Heartbeat], firing: Sequence[Notification], now: datetime
) -> tuple[bool | None, str]:
    """Whether alerts arrive (None: not known yet), and the sentence that says so.

    It is the dead man's switch that judges: what it has told is among those that fire.
    """
    last = last_heartbeat(beats)
    silent = any(one.name == WATCHDOG_SILENT.name for one in firing)
    if last is None:
        said = "No heartbeat from the alerting path" + (" for too long." if silent else " yet.")
        return (False if silent else None), said
    ago = round((now - last).total_seconds())
    said = "fell silent" if silent else "is whole"
    return not silent, f"The alerting path {said}: last heartbeat {ago} s ago."


def dashboard(one: Notification) -> str | None:
    """The dashboard that the alert names, in the console, at its time."""
    found = links.links(one, grafana="").dashboard
    return addresses.local(found) if found and found.startswith("/d/") else None


async def _inbox(store: Store, status: str) -> Markup:
    received = await asyncio.to_thread(store.find, limit=_SHOWN)
    firing = await asyncio.to_thread(store.find, status="firing")
    beats = await asyncio.to_thread(store.heartbeats)
    whole, said = alerting_path(beats, firing, datetime.now(UTC))
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
            ways_to(one),
        ]
        for one in received
    ]
    return table(["Received", "State", "Alert", "What", "Open"], rows, "Notifications received")


def ways_to(one: Notification) -> Markup:
    """The dashboard at its time, and the runbook."""
    ways = {"dashboard": dashboard(one), "runbook": links.links(one, grafana="").runbook}
    return join([link(name, to) for name, to in ways.items() if to], between=" ")


def _when(moment: datetime) -> Markup:
    return time_at(moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"), moment.isoformat())
