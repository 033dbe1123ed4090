"""Log lines: search, live tail, and what stands around a line."""

import asyncio

from fastapi import Request
from nicegui import ui

from observability.boards import Answer, Panel, Target
from observability.console import timerange
from observability.console.charts import Drawing, View, draw
from observability.console.charts.lines import listed
from observability.console.context import Context, or_none
from observability.console.frame import field, form, frame, hidden, select, span_fields
from observability.console.lazy import Lazy, still
from observability.console.logsearch import LEVELS, Wanted, counted, wanted
from observability.console.marks import marks
from observability.console.markup import Markup, element
from observability.console.tail import Tail
from observability.console.timerange import TimeRange, clock
from observability.query import LogLine

_LIMIT = 200
_AROUND = 40
_AROUND_SECONDS = 600
_COLOURS = {
    "debug": "text",
    "info": "blue",
    "warning": "orange",
    "error": "red",
    "critical": "dark-red",
}


def register(context: Context) -> None:
    """Add the page."""

    @ui.page("/logs")
    async def logs(request: Request) -> None:
        query = request.query_params
        shown = timerange.parse(query.get("from"), query.get("to"), "now-15m")
        asked = wanted(query)
        live = query.get("live", "") == "1"
        with frame("Logs", "/logs", toolbar=await _form(context, asked, shown, live=live)):
            if asked.at is not None:
                at = asked.at
                still(element("p", f"Lines around {clock(at / 1e9)} UTC", class_="said"))
                Lazy(lambda: _context_of(context, asked, at))
                return
            if live:
                still(element("p", "Live: new lines appear at the top.", class_="said"))
                Tail(context.loki, asked.logql)
                return
            with ui.element("div").classes("volume"):
                Lazy(lambda: _volume(context, asked, shown))
            Lazy(lambda: _found(context, asked, shown), waiting="Searching …")


async def _form(context: Context, asked: Wanted, shown: TimeRange, *, live: bool) -> Markup:
    span = shown.span()
    found = await context.kept(
        "log services",
        lambda: or_none(context.loki.label_values("service_name", span.start - 3600, span.end)),
    )
    services = {"": "any"} | {name: name for name in found or []}
    levels = {"": "any"} | {name: f"{name} and worse" for name in LEVELS[1:-1]}
    streams = {"": "any", "app": "app", "audit": "audit"}
    checked = Markup(" checked") if live else Markup("")
    return form(
        select("service", "Service", services, asked.service),
        select("level", "Level", levels, asked.level),
        select("stream", "Stream", streams, asked.stream),
        field("text", "Words, or field=value", asked.text, size="22", placeholder="order_id=…"),
        field("query", "or LogQL", asked.query, size="34", placeholder='{service_name="gateway"}'),
        element(
            "label",
            Markup('<input type="checkbox" name="live" value="1"{}>').format(checked),
            " live",
            class_="check",
        ),
        span_fields(shown) if asked.at is None else hidden("from", "now-15m"),
        label="Search log lines",
        button="Search",
    )


async def _found(context: Context, asked: Wanted, shown: TimeRange) -> Drawing:
    span = shown.span()
    lines = await context.loki.lines(asked.logql, span.start, span.end, limit=_LIMIT)
    query = element("code", asked.logql)
    if not lines:
        said = element("p", f"No line in the {shown.words} matches ", query, class_="empty")
        return Drawing(html=said)
    more = ", the newest of more" if len(lines) == _LIMIT else ""
    said = element("p", f"{len(lines)} lines{more}: ", query, role="status", class_="said")
    return Drawing(html=said + listed(lines, "Log lines"))


async def _volume(context: Context, asked: Wanted, shown: TimeRange) -> Drawing:
    """How many lines there were, by level."""
    span = shown.span()
    step = max(5.0, span.step * 2)
    series = await context.loki.metric(counted(asked.logql, step), span.start, span.end, step)
    target = Target("A", "loki", {"legendFormat": "{{level}}"})
    happened = await marks(context, span)
    answer = Answer(target, "", series=series)
    return draw(_panel(), [answer], View(shown, span, happened))


def _panel() -> Panel:
    overrides = [
        {
            "matcher": {"id": "byName", "options": level},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": shade}}],
        }
        for level, shade in _COLOURS.items()
    ]
    custom = {"drawStyle": "bars", "stacking": {"mode": "normal"}}
    raw = {"fieldConfig": {"defaults": {"unit": "short", "custom": custom}, "overrides": overrides}}
    return Panel(0, "timeseries", "Lines by level", "", 0, 0, 24, 4, (), raw)


async def _context_of(context: Context, asked: Wanted, at: int) -> Drawing:
    """The lines before and after one, and that one pointed out."""
    second = at / 1e9
    before, after = await asyncio.gather(
        context.loki.lines(asked.logql, second - _AROUND_SECONDS, second + 1e-3, limit=_AROUND),
        context.loki.lines(
            asked.logql,
            second,
            second + _AROUND_SECONDS,
            limit=_AROUND,
            direction="forward",
        ),
    )
    unique: dict[tuple[int, str, str], LogLine] = {
        (one.at, one.line, one.fields.get("span_id", "")): one for one in [*before, *after]
    }
    lines = sorted(unique.values(), key=lambda one: one.at, reverse=True)
    return Drawing(html=listed(lines, "Log lines around one", here=at))
