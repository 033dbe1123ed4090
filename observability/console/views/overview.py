"""The first page: what calls what, what is broken, what happened."""

import asyncio
from datetime import datetime

from fastapi import Request
from nicegui import ui

from observability.console import addresses, health, timerange, units
from observability.console.charts import Drawing
from observability.console.charts.graph import picture
from observability.console.context import Context
from observability.console.frame import form, frame, refresh_of, span_fields
from observability.console.lazy import Lazy, still
from observability.console.marks import marks
from observability.console.markup import Markup, element, join, link, table
from observability.console.timerange import TimeRange, moment
from observability.console.topology import service_map
from observability.console.views.alerts import card

_REFRESH = "5"
_MOST_EVENTS = 12


def register(context: Context) -> None:
    """Add the page."""

    @ui.page("/")
    def overview(request: Request) -> None:
        query = request.query_params
        shown = timerange.parse(query.get("from"), query.get("to"))
        refresh = refresh_of(query.get("refresh", _REFRESH if shown.live else ""))
        toolbar = form(span_fields(shown, refresh), label="What to show")
        with frame("Overview", "/", toolbar=toolbar), ui.element("div").classes("overview"):
            _part("Alerts firing", "firing", lambda: _alerts(context), refresh)
            _part("Service map", "services", lambda: _map(context, shown), refresh)
            _part("The stack", "health", lambda: _health(context), refresh)
            _part("What happened", "events", lambda: _events(context, shown), refresh)
            still(_elsewhere(context)).classes("elsewhere")


def _part(title: str, name: str, load: object, refresh: str) -> None:
    section = ui.element("section").classes(f"part {name}")
    section.props["aria-label"] = title
    with section:
        still(element("h2", title))
        Lazy(load, every=refresh)  # type: ignore[arg-type]


async def _alerts(context: Context) -> Drawing:
    firing = await asyncio.to_thread(context.store.find, status="firing")
    if not firing:
        return Drawing(html=element("p", "Nothing. All is well, as far as the rules can tell."))
    return Drawing(html=join(card(one) for one in reversed(firing)))


async def _map(context: Context, shown: TimeRange) -> Drawing:
    at = shown.span().end
    found = await context.kept(f"map {at // 4}", lambda: service_map(context.prometheus, at))
    if not found.nodes:
        return Drawing(html=element("p", "No service is scraped yet.", class_="empty"))
    return Drawing(html=picture(found, shown, "Service map"))


async def _health(context: Context) -> Drawing:
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
    return Drawing(
        html=element("p", said)
        + table(["Process", "State", "Memory", "Version"], rows, "Processes")
    )


async def _events(context: Context, shown: TimeRange) -> Drawing:
    found = await marks(context, shown.span())
    if not found:
        return Drawing(html=element("p", f"Nothing in the {shown.words}."))
    items = [
        element("li", _when(mark.at), " ", mark.title, class_=f"mark was-{mark.kind}")
        for mark in reversed(found[-_MOST_EVENTS:])
    ]
    return Drawing(html=element("ol", *items, class_="happened"))


def _when(at: float) -> Markup:
    iso = datetime.fromtimestamp(at).astimezone().isoformat()
    return element("time", moment(at)[11:], datetime=iso, title=f"{moment(at)} UTC")


def _elsewhere(context: Context) -> Markup:
    settings = context.settings
    ways = {
        "Shop": settings.url("gateway", 8000),
        "Grafana": settings.grafana_url or settings.url("grafana"),
        "Prometheus": f"{settings.url('prometheus')}/api/v1/rules",
        "Alertmanager": settings.url("alertmanager"),
        "The stack itself": addresses.dashboard("stack", addresses.LAST_HALF_HOUR),
    }
    return element("nav", *(link(name, to) for name, to in ways.items()), aria_label="Elsewhere")
