"""Figures over time: lines, areas or bars, limits, exemplar dots, and what happened meanwhile."""

import math
from collections.abc import Sequence
from typing import Any

from observability.boards import Answer, Panel
from observability.console import addresses, units
from observability.console.charts import fields, style
from observability.console.charts.view import Drawing, Mark, View
from observability.console.markup import Markup, element, join, link, table
from observability.console.timerange import clock
from observability.query import Exemplar, Series

Json = dict[str, Any]
Named = list[tuple[str, Series]]
_MOST_DOTS = 60
_MOST_LISTED = 12
_MARK_COLOURS = {"alert": "#d64545", "start": "#3b82d6", "fault": "#8b6cd9", "deploy": "#2f9e5b"}


def draw(panel: Panel, answers: Sequence[Answer], view: View) -> Drawing:
    """The chart, and the same in figures below it."""
    named = names(panel, answers)
    shades = fields.colours(panel, (name for name, _ in named))
    written = units.scale(
        panel.defaults.get("unit", "short"), _largest(named), panel.defaults.get("decimals")
    )
    dots = thinned([one for answer in answers for one in answer.exemplars if one.trace_id])
    custom = panel.defaults.get("custom", {})
    plotted = [_line(name, one, shades[name], custom, view.span.step) for name, one in named] or [
        _invisible()
    ]
    plotted[0] |= _lines_across(panel, view.marks)
    chart = style.base() | {
        "xAxis": style.time_axis(view.span),
        "yAxis": style.value_axis(written) | _limits(panel),
        "tooltip": style.tooltip("axis") | {":valueFormatter": style.formatter(written)},
        "legend": _legend(named),
        "series": [*plotted, *_dots(dots, _largest(named))],
    }
    chart["grid"] = chart["grid"] | {"bottom": 26}
    return Drawing(html=_figures(panel, named, dots, view), chart=chart, label=_label(panel, named))


def names(panel: Panel, answers: Sequence[Answer]) -> Named:
    """Every series with its name."""
    return [
        (fields.series_name(answer.target.legend, series.labels, panel.title), series)
        for answer in answers
        for series in answer.series
        if series.points
    ]


def thinned(exemplars: list[Exemplar]) -> list[Exemplar]:
    """At most so many, the slowest of each stretch of time first among them."""
    if len(exemplars) <= _MOST_DOTS:
        return exemplars
    ordered = sorted(exemplars, key=lambda one: one.at)
    size = math.ceil(len(ordered) / _MOST_DOTS)
    return [
        max(ordered[at : at + size], key=lambda one: one.value)
        for at in range(0, len(ordered), size)
    ]


def _line(name: str, series: Series, shade: str, custom: Json, step: float) -> Json:
    bars = custom.get("drawStyle") == "bars"
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    line: Json = {
        "type": "bar" if bars else "line",
        "name": name,
        "data": _points(series, step),
        "itemStyle": {"color": shade},
    }
    if not bars:
        line |= {
            "showSymbol": False,
            "lineStyle": {"width": 1.5, "color": shade},
            "areaStyle": {"opacity": custom.get("fillOpacity", 0) / 100, "color": shade},
            "emphasis": {"focus": "series"},
        }
    return line | ({"stack": "all"} if stacked else {})


def _points(series: Series, step: float) -> list[list[float | None]]:
    """In milliseconds and four digits; a hole where points are missing."""
    points: list[list[float | None]] = []
    before = None
    for at, value in series.points:
        if before is not None and at - before > 1.5 * step:
            points.append([int((before + step) * 1000), None])
        finite = math.isfinite(value)
        points.append([int(at * 1000), float(f"{value:.4g}") if finite else None])
        before = at
    return points


def _dots(exemplars: list[Exemplar], largest: float) -> list[Json]:
    """Exemplars as dots; one above the lines is drawn at their top, since it must be reachable."""
    if not exemplars:
        return []
    top = largest * 1.15 if largest > 0 else math.inf
    return [
        {
            "type": "scatter",
            "name": "traces",
            "symbol": "diamond",
            "symbolSize": 8,
            "cursor": "pointer",
            "z": 5,
            "itemStyle": {
                ":color": "belfry.colour('--link')",
                ":borderColor": "belfry.colour('--card')",
                "borderWidth": 1,
            },
            "data": [
                {
                    "value": [int(one.at * 1000), float(f"{min(one.value, top):.4g}")],
                    "trace": one.trace_id,
                }
                for one in exemplars
            ],
        }
    ]


def _invisible() -> Json:
    return {"type": "line", "name": "", "data": []}


def _lines_across(panel: Panel, marks: Sequence[Mark]) -> Json:
    """Limits as horizontal lines, events as vertical ones."""
    drawn: list[Json] = []
    if panel.defaults.get("custom", {}).get("thresholdsStyle", {}).get("mode") == "line":
        steps = panel.defaults.get("thresholds", {}).get("steps", [])
        drawn += [
            {
                "yAxis": step["value"],
                "lineStyle": {"color": fields.colour(step["color"]), "type": "dashed"},
                "label": {"show": False},
            }
            for step in steps
            if step.get("value") is not None
        ]
    drawn += [
        {
            "xAxis": int(mark.at * 1000),
            "name": mark.title,
            "lineStyle": {"color": _MARK_COLOURS[mark.kind], "type": "dotted", "width": 1.5},
            "label": {"show": False},
            "emphasis": {"label": {"show": True, "formatter": "{b}"}},
        }
        for mark in marks
    ]
    return {"markLine": {"silent": False, "symbol": "none", "data": drawn}} if drawn else {}


def _limits(panel: Panel) -> Json:
    found = {
        key: panel.defaults[key] for key in ("min", "max") if panel.defaults.get(key) is not None
    }
    if panel.defaults.get("unit") == "percentunit" and "max" not in found:
        return found | {"minInterval": 0.01}
    # what is counted in whole numbers has no label between two of them
    return found | ({"minInterval": 1} if panel.defaults.get("decimals") == 0 else {})


def _legend(named: Named) -> Json:
    return {
        "type": "scroll",
        "bottom": 0,
        "left": 8,
        "itemWidth": 12,
        "itemHeight": 8,
        "icon": "roundRect",
        "data": sorted({name for name, _ in named}),
        "textStyle": {":color": "belfry.colour('--ink')", "fontSize": 11},
        ":pageIconColor": "belfry.colour('--link')",
        "pageTextStyle": {":color": "belfry.colour('--dim')"},
    }


def _largest(named: Named) -> float:
    finite = (abs(v) for _, one in named for _, v in one.points if math.isfinite(v))
    return max(finite, default=0.0)


def _label(panel: Panel, named: Named) -> str:
    unit = panel.defaults.get("unit", "short")
    last = ", ".join(f"{name} {units.text(one.points[-1][1], unit)}" for name, one in named[:8])
    return f"{panel.title}. Last values: {last}." if last else f"{panel.title}. No lines."


def _figures(panel: Panel, named: Named, exemplars: list[Exemplar], view: View) -> Markup:
    """The chart in words: for screen readers, the keyboard, and whoever wants the number."""
    unit = panel.defaults.get("unit", "short")
    rows = []
    for name, series in sorted(named, key=lambda one: one[0]):
        values = [value for _, value in series.points if not math.isnan(value)]
        numbers = (values[-1], min(values), max(values)) if values else (None, None, None)
        rows.append([_linked(panel, name, series, view), *(units.text(v, unit) for v in numbers)])
    parts: list[object] = [
        element("summary", "Figures", element("span", f" of {panel.title}", class_="unseen")),
        table(["Series", "Last", "Least", "Most"], rows, f"{panel.title} in figures"),
    ]
    if exemplars:
        slowest = sorted(exemplars, key=lambda one: one.value, reverse=True)[:_MOST_LISTED]
        items = [element("li", _trace_link(one, unit)) for one in slowest]
        parts.append(element("p", "Traces behind it, highest first:"))
        parts.append(element("ol", *items, class_="exemplars"))
    return element("details", *parts, class_="figures")


def _trace_link(one: Exemplar, unit: str) -> Markup:
    said = f"{units.text(one.value, unit)} at {clock(one.at)}"
    return link(said, addresses.trace(one.trace_id or ""))


def _linked(panel: Panel, name: str, series: Series, view: View) -> Markup:
    service = series.labels.get("service_name")
    links: list[object] = []
    if service:
        links = [" ", link("service", addresses.service(service, view.shown))]
    for one in panel.defaults.get("links", []):
        values = {f"__field.labels.{key}": value for key, value in series.labels.items()}
        links += [" ", link(one["title"], addresses.with_values(one["url"], values, view.shown))]
    return join([name, *links])
