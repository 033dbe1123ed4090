"""The first page: what calls what, what is broken, what happened."""

import asyncio
from datetime import datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from observability.console import addresses, health, timerange, units
from observability.console.charts.graph import picture
from observability.console.context import Context
from observability.console.frame import form, page, refresh_of, span_fields
from observability.console.marks import marks
from observability.console.markup import Markup, element, join, link, table
from observability.console.parts import Load, Parts
from observability.console.timerange import TimeRange, moment
from observability.console.topology import service_map
from observability.console.views.alerts import card

_REFRESH = "5"
_MOST_EVENTS = 12


def register(pages: APIRouter, context: Context) -> None:
    """Add the page."""

    @pages.get("/")
    async def overview(request: Request) -> Response:
        query = request.query_params
        shown = timerange.parse(query.get("from"), query.get("to"))
        refresh = refresh_of(query.get("refresh", _REFRESH if shown.live else ""))
        parts = Parts(request)

        def part(title: str, name: str, load: Load) -> Markup:
            lazy = parts.lazy(name, load, every=refresh)
            heading = element("h2", title)
            return element("section", heading, lazy, class_=f"part {name}", aria_label=title)

        content = element(
            "div",
            part("Alerts firing", "firing", lambda: _alerts(context)),
            part("Service map", "services", lambda: _map(context, shown)),
            part("The stack", "health", lambda: _health(context)),
            part("What happened", "events", lambda: _events(context, shown)),
            _elsewhere(context),
            class_="overview",
        )

        async def whole() -> HTMLResponse:
            toolbar = form(span_fields(shown, refresh), label="What to show")
            return page("Overview", "/", content, toolbar=toolbar, early=parts.early)

        return await parts.answer(whole)


async def _alerts(context: Context) -> Markup:
    firing = await asyncio.to_thread(context.store.find, status="firing")
    if not firing:
        return element("p", "Nothing. All is well, as far as the rules can tell.")
    return join(card(one) for one in reversed(firing))


async def _map(context: Context, shown: TimeRange) -> Markup:
    at = shown.span().end
    found = await context.kept(f"map {at // 4}", lambda: service_map(context.prometheus, at))
    if not found.nodes:
        return element("p", "No service is scraped yet.", class_="empty")
    return picture(found, shown, "Service map")


async def _health(context: Context) -> Markup:
    found = await health.processes(context)
    bad = [one for one in found if one.state != "ready"]
    memory = sum(one.memory_bytes for one in found)
    said = f"{len(found) - len(bad)} of {len(found)} processes ready"
    if memory:
        said += f", {units.text(memory, 'bytes')} in all"
    rows = [
        [
            element("span", one.name, title=one.reason),
            element("span", one.state, class_="good" if one.state == "ready" else "bad"),
            units.text(one.memory_bytes or None, "bytes"),
            one.version,
        ]
        for one in found
    ]
    listed = table(["Process", "State", "Memory", "Version"], rows, "Processes")
    return element("p", said) + listed


async def _events(context: Context, shown: TimeRange) -> Markup:
    found = await marks(context, shown.span())
    if not found:
        return element("p", f"Nothing in the {shown.words}.")
    items = [
        element("li", _when(mark.at), " ", mark.title, class_=f"mark was-{mark.kind}")
        for mark in reversed(found[-_MOST_EVENTS:])
    ]
    return element("ol", *items, class_="happened")


def _when(at: float) -> Markup:
    iso = datetime.fromtimestamp(at).astimezone().isoformat()
    return element("time", moment(at)[11:], datetime=iso, title=f"{moment(at)} UTC")


def _elsewhere(context: Context) -> Markup:
    settings = context.settings
    ways = {
        "Shop": settings.public_url("gateway"),
        "Grafana": settings.public_url("grafana"),
        "Prometheus": f"{settings.public_url('prometheus')}/api/v1/rules",
        "Alertmanager": settings.public_url("alertmanager"),
        "The stack itself": addresses.dashboard("stack", addresses.LAST_HALF_HOUR),
    }
    links = [link(name, to) for name, to in ways.items()]
    return element("nav", *links, class_="elsewhere", aria_label="Elsewhere")
