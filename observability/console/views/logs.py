"""Log lines: search, live tail, and what stands around a line."""

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from observability.boards import Answer, Panel, Target
from observability.console import addresses, timerange
from observability.console.charts import View, draw
from observability.console.charts.lines import listed
from observability.console.context import Context, or_none
from observability.console.frame import field, form, hidden, page, select, span_fields
from observability.console.logsearch import LEVELS, Wanted, counted, wanted
from observability.console.marks import marks
from observability.console.markup import Markup, element, link
from observability.console.parts import Parts
from observability.console.tail import EVERY_SECONDS, look
from observability.console.timerange import TimeRange, clock
from observability.query import LogLine

_FIRST, _MORE = 100, 1000
_AROUND = 40
_AROUND_SECONDS = 600
_COLOURS = {
    "debug": "text",
    "info": "blue",
    "warning": "orange",
    "error": "red",
    "critical": "dark-red",
}


def register(pages: APIRouter, context: Context) -> None:
    """Add the page."""

    @pages.get("/logs")
    async def logs(request: Request) -> Response:
        query = request.query_params
        shown = timerange.parse(query.get("from"), query.get("to"), "now-15m")
        asked = wanted(query)
        live = query.get("live", "") == "1"
        parts = Parts(request)
        content = _content(context, parts, asked, shown, query if live else None)

        async def whole() -> HTMLResponse:
            toolbar = await _form(context, asked, shown, live=live)
            return page("Logs", "/logs", content, toolbar=toolbar, early=parts.early)

        return await parts.answer(whole)


def _content(
    context: Context,
    parts: Parts,
    asked: Wanted,
    shown: TimeRange,
    live: Mapping[str, str] | None,
) -> Markup:
    """Lines around one, new lines (`live`: as the address asks for them), or those found."""
    if asked.at is not None:
        at = asked.at
        said = element("p", f"Lines around {clock(at / 1e9)} UTC", class_="said")
        return said + parts.lazy("around", lambda: _context_of(context, asked, at))
    if live is not None:
        said = element("p", "Live: new lines appear at the top.", class_="said")
        loki, query = context.loki, asked.logql
        return said + parts.tail("tail", lambda: look(loki, query, live), every=EVERY_SECONDS)
    volume = parts.lazy("volume", lambda: _volume(context, asked, shown))
    found = parts.lazy("lines", lambda: _found(context, asked, shown), waiting="Searching …")
    return element("div", volume, class_="volume") + found


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


async def _found(context: Context, asked: Wanted, shown: TimeRange) -> Markup:
    span = shown.span()
    limit = _MORE if asked.more else _FIRST
    lines = await context.loki.lines(asked.logql, span.start, span.end, limit=limit)
    query = element("code", asked.logql)
    if not lines:
        return element("p", f"No line in the {shown.words} matches ", query, class_="empty")
    parts: list[object] = [f"{len(lines)} lines: ", query]
    if len(lines) == limit:
        parts[0] = f"{len(lines)} lines, the newest of more: "
    if len(lines) == limit and not asked.more:
        parts += [" ", link(f"Up to {_MORE}", addresses.logs(asked.query, shown, **asked.fields()))]
    return element("p", *parts, role="status", class_="said") + listed(lines, "Log lines")


async def _volume(context: Context, asked: Wanted, shown: TimeRange) -> Markup:
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


async def _context_of(context: Context, asked: Wanted, at: int) -> Markup:
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
    return listed(lines, "Log lines around one", here=at)
