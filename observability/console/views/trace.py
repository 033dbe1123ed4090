"""One trace: its waterfall, with what was logged in each span."""

from collections.abc import Sequence

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from observability.console import addresses, units
from observability.console.charts import fields
from observability.console.charts.lines import event, listed
from observability.console.context import Context, or_none
from observability.console.frame import page
from observability.console.markup import Markup, element, join, link, table
from observability.console.parts import Parts
from observability.console.timerange import around, clock, moment
from observability.console.tracesearch import trace_id
from observability.console.waterfall import Row, apart, rows
from observability.query import LogLine, Span, Trace

_MARGIN_SECONDS = 120
_MOST_LINES = 500


def register(pages: APIRouter, context: Context) -> None:
    """Add the page."""

    @pages.get("/traces/{given}")
    async def trace(request: Request, given: str) -> Response:
        wanted = trace_id(given)
        if wanted is None:
            raise HTTPException(404, "a trace id is 32 hexadecimal digits")
        parts = Parts(request)
        waterfall = parts.lazy(
            "waterfall", lambda: _load(context, wanted), waiting="Fetching the trace …"
        )

        async def whole() -> HTMLResponse:
            above = link("← Traces", "/traces", class_="back")
            return page(f"Trace {wanted[:8]}", "/traces", waterfall, above=above, early=parts.early)

        return await parts.answer(whole)


async def _load(context: Context, wanted: str) -> Markup:
    found = await context.jaeger.trace(wanted)
    if found is None:
        return element(
            "p",
            f"Jaeger has no trace {wanted}: it is not there yet, or no longer. ",
            link("Look again", addresses.trace(wanted)),
            class_="empty",
        )
    start = min(span.start for span in found.spans) / 1e9
    query = f'{{service_name=~".+"}} | trace_id="{wanted}"'
    end = start + found.seconds
    lines = await or_none(
        context.loki.lines(query, start - _MARGIN_SECONDS, end + _MARGIN_SECONDS, limit=_MOST_LINES)
    )
    return drawn(found, lines)


def drawn(trace: Trace, lines: Sequence[LogLine] | None) -> Markup:
    """The whole of it; `lines` is None if Loki is down."""
    shades = fields.palette(sorted(trace.services))
    found = rows(trace, lines or ())
    listed_rows = element(
        "ol",
        *(_row(one, shades[one.span.service]) for one in found),
        class_="waterfall",
        aria_label="Spans",
    )
    return join(
        [
            _facts(trace, lines),
            _axis(found, trace),
            listed_rows,
            _rest(apart(trace, lines or ())),
        ]
    )


def _facts(trace: Trace, lines: Sequence[LogLine] | None) -> Markup:
    root = trace.root
    at = root.start / 1e9
    logged = "Loki does not answer" if lines is None else f"{len(lines)} log lines"
    near = around(at)
    facts = {
        "Request": f"{root.service} {root.name}",
        "Started": f"{moment(at)} UTC",
        "Took": units.duration(trace.seconds),
        "Spans": str(len(trace.spans)),
        "Errors": element("span", trace.errors, class_="bad" if trace.errors else None),
        "Services": ", ".join(sorted(trace.services)),
        "Logged": link(
            logged, addresses.logs(f'{{service_name=~".+"}} | trace_id="{trace.trace_id}"', near)
        ),
        "Id": element("code", trace.trace_id),
    }
    pairs = [element("div", element("dt", key), element("dd", one)) for key, one in facts.items()]
    jumps = [
        link(f"{name} at that time", addresses.service(name, near))
        for name in sorted(trace.services)
    ]
    return element("dl", *pairs, class_="facts") + element(
        "nav", *jumps, class_="jumps", aria_label="Metrics at that time"
    )


def _axis(found: Sequence[Row], trace: Trace) -> Markup:
    begin = min(one.span.start - int(one.wait * 1e9) for one in found)
    whole = (max(span.end for span in trace.spans) - begin) / 1e9
    ticks = [
        element("span", units.text(whole * part, "s"), style=f"left:{part:.0%}")
        for part in (0.0, 0.25, 0.5, 0.75)
    ]
    return element("div", *ticks, class_="axis", aria_hidden="true")


def _row(one: Row, shade: str) -> Markup:
    span = one.span
    name = f"{span.service} {title(span)}"
    took = units.duration(span.seconds)
    said = f"{name}, {span.kind}, {took}" + (", failed" if span.error else "")
    if one.wait:
        said += f", waited {units.duration(one.wait)} in the queue"
    bars = element(
        "span",
        _wait_bar(one),
        element(
            "i",
            class_="bar",
            style=f"left:{one.offset:.2%};width:max(2px,{one.width:.2%});--shade:{shade}",
        ),
        *(_dot(line, one) for line in one.lines[:20]),
        class_="track",
        aria_hidden="true",
    )
    head = element(
        "summary",
        element(
            "span",
            element("b", span.service, style=f"--shade:{shade}"),
            " ",
            title(span),
            class_="what",
            style=f"--depth:{min(one.depth, 12)}",
        ),
        bars,
        element("span", took, class_="took"),
        aria_label=said,
    )
    return element(
        "li",
        element("details", head, _inside(one)),
        id=f"span-{span.span_id}",
        class_="failed" if span.error else None,
    )


def title(span: Span) -> str:
    """What a span did, for people: a client's method with whom it called."""
    peer = span.attributes.get("peer.service") or span.attributes.get("server.address")
    if span.kind == "client" and peer:
        path = str(span.attributes.get("url.full", "")).partition("://")[2].partition("/")[2]
        return f"{span.name} → {peer}" + (f" /{path}" if path else "")
    return span.name


def _wait_bar(one: Row) -> Markup:
    if not one.wait:
        return Markup()
    style = f"left:{one.wait_offset:.2%};width:max(2px,{one.wait_width:.2%})"
    return element(
        "i", class_="wait", style=style, title=f"in the queue {units.duration(one.wait)}"
    )


def _dot(line: LogLine, one: Row) -> Markup:
    share = (line.at - one.span.start) / max(1, one.span.end - one.span.start)
    left = one.offset + min(1.0, max(0.0, share)) * one.width
    return element("i", class_=f"dot {line.fields.get('level', 'info')}", style=f"left:{left:.2%}")


def _inside(one: Row) -> Markup:
    span = one.span
    at = span.start / 1e9
    parts: list[object] = [
        element(
            "p",
            f"{span.kind} span at {clock(at)} UTC, {units.duration(span.seconds)}. ",
            element("strong", f"Waited {units.duration(one.wait)} in the queue. ")
            if one.wait
            else "",
            "Its parent is not in the trace. " if one.lost else "",
            link(f"{span.service} at that time", addresses.service(span.service, around(at))),
        )
    ]
    if span.status_message:
        parts.append(element("p", span.status_message, class_="bad"))
    if one.lines:
        parts.append(listed(one.lines, f"Log lines of {span.name}"))
    parts += [_event(at_event.name, at_event.attributes) for at_event in span.events]
    parts += [
        element(
            "p", "Linked: ", link(other.trace_id, addresses.trace(other.trace_id, other.span_id))
        )
        for other in span.links
        if other.trace_id != span.trace_id
    ]
    parts.append(_attributes("Attributes", span.attributes))
    parts.append(_attributes("Resource", span.resource))
    return element("div", *parts, class_="inside")


def _event(name: str, attributes: object) -> Markup:
    said = dict(attributes) if isinstance(attributes, dict) else {}
    return element(
        "details",
        element("summary", f"{name}: {said.get('exception.message', '')}"),
        element("pre", said.get("exception.stacktrace") or str(said)),
    )


def _attributes(name: str, values: object) -> Markup:
    pairs = sorted(dict(values).items()) if isinstance(values, dict) else []
    rows_ = [[element("code", key), str(value)] for key, value in pairs]
    return table([name, "Value"], rows_, name, class_="attributes") if rows_ else Markup()


def _rest(lines: Sequence[LogLine]) -> Markup:
    if not lines:
        return Markup()
    heading = element("h2", "Logged outside of these spans")
    return heading + listed(lines, ", ".join(sorted({event(one.line) for one in lines}))[:80])
