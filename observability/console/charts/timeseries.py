"""Figures over time: lines, areas or bars, limits, exemplar dots, and what happened meanwhile."""

import itertools
import json
import math
from collections.abc import Sequence
from typing import Any

from observability.boards import Answer, Panel
from observability.console import addresses, units
from observability.console.charts import fields, plane
from observability.console.charts.plane import Course, Plane, Points
from observability.console.charts.view import Mark, View
from observability.console.markup import Markup, element, join, link, table
from observability.console.timerange import clock
from observability.query import Exemplar, Series

Json = dict[str, Any]
Named = list[tuple[str, Series]]
_MOST_DOTS = 60
_MOST_LISTED = 12
#: An axis of shares ends here or above: a failure in a thousand shall not look like a disaster.
_LEAST_SHARE = 0.04


def draw(panel: Panel, answers: Sequence[Answer], view: View) -> Markup:
    """The chart, its legend, and the same in figures below it."""
    named = names(panel, answers)
    shades = fields.colours(panel, (name for name, _ in named))
    dots = thinned([one for answer in answers for one in answer.exemplars if one.trace_id])
    courses = _courses(panel, named, shades)
    scale = _scale(panel, courses)
    found = _plane(panel, courses, scale, view)
    inside = [
        plane.drawing(plane.grid(found), *_limits(panel, found), *_shapes(panel, courses, found)),
        *(_event(one, found) for one in view.marks if found.holds(one.at)),
        *(_dot(one, found) for one in dots if found.holds(one.at)),
    ]
    chart = plane.frame(
        found,
        scale,
        join(inside),
        _label(panel, named),
        data_points=_for_tooltip(named, shades, scale, view),
        data_from=int(view.span.start),
        data_length=int(view.span.end - view.span.start),
    )
    return join([chart, _legend(named, shades), _figures(panel, named, dots, view)])


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


def _courses(panel: Panel, named: Named, shades: dict[str, str]) -> list[Course]:
    """Each series as high as its values or, stacked, on top of those before it."""
    stacked = _custom(panel).get("stacking", {}).get("mode") == "normal"
    reached: dict[float, float] = {}
    found = []
    for number, (name, series) in enumerate(named):
        floor = list(reached.items())
        points = [(at, reached.get(at, 0.0) + value) for at, value in _finite(series.points)]
        found.append(Course(points, floor, shades[name], number))
        reached.update(points if stacked else [])
    return found


def _finite(points: Points) -> list[tuple[float, float]]:
    return [(at, value) for at, value in points if math.isfinite(value)]


def _scale(panel: Panel, courses: list[Course]) -> units.Scale:
    largest = max((abs(value) for one in courses for _, value in one.points), default=0.0)
    return units.scale(panel.defaults.get("unit", "short"), largest, panel.defaults.get("decimals"))


def _plane(panel: Panel, courses: list[Course], scale: units.Scale, view: View) -> Plane:
    values = [value for one in courses for _, value in one.points]
    low, high = panel.defaults.get("min"), panel.defaults.get("max")
    least = _LEAST_SHARE if panel.defaults.get("unit") == "percentunit" else 0.0
    return plane.plane(
        view.span,
        min(values, default=0.0) if low is None else low,
        max(least, *values, 0.0) if high is None else high,
        scale,
        # what is counted in whole numbers has no label between two of them
        least_step=1.0 if panel.defaults.get("decimals") == 0 else 0.0,
    )


def _shapes(panel: Panel, courses: list[Course], found: Plane) -> list[Markup]:
    custom = _custom(panel)
    step = found.span.step
    if custom.get("drawStyle") == "bars":
        return [plane.bars(found, one, _spacing(one.points, step)) for one in courses]
    opacity = custom.get("fillOpacity", 0) / 100
    areas = [plane.area(found, one, 1.5 * step, opacity) for one in courses] if opacity else []
    return [*areas, *(plane.line(found, one, 1.5 * step) for one in courses)]


def _spacing(points: Points, step: float) -> float:
    """Seconds between the points of a series."""
    return min((b - a for (a, _), (b, _) in itertools.pairwise(points)), default=step)


def _limits(panel: Panel, found: Plane) -> list[Markup]:
    """Values from which on something is bad, where the dashboard draws them."""
    if _custom(panel).get("thresholdsStyle", {}).get("mode") != "line":
        return []
    steps = panel.defaults.get("thresholds", {}).get("steps", [])
    return [
        plane.level(found, step["value"], fields.colour(step["color"]))
        for step in steps
        if step.get("value") is not None
    ]


def _event(mark: Mark, found: Plane) -> Markup:
    left = f"left:{found.across(mark.at):.2%}"
    return element("i", class_=f"event was-{mark.kind}", style=left, title=mark.title)


def _dot(one: Exemplar, found: Plane) -> Markup:
    """One above the lines is drawn at the top, since it must be reachable.

    The keyboard reaches the same traces in the figures below.
    """
    top = max(0.0, min(1.0, found.down(one.value)))
    return link(
        "",
        addresses.trace(one.trace_id or ""),
        class_="dot",
        style=f"left:{found.across(one.at):.2%};top:{top:.1%}",
        title=f"trace {(one.trace_id or '')[:8]}",
        tabindex="-1",
    )


def _for_tooltip(named: Named, shades: dict[str, str], scale: units.Scale, view: View) -> str:
    """What the browser shows beside the pointer: names, colours and points in four digits.

    Times are in seconds since the start of the chart.
    """
    start = view.span.start
    series = [
        [
            name,
            shades[name],
            [[round(at - start), float(f"{value:.4g}")] for at, value in _finite(one.points)],
        ]
        for name, one in named
    ]
    written = [scale.factor, scale.decimals, scale.prefix, scale.suffix]
    return json.dumps({"series": series, "scale": written}, separators=(",", ":"))


def _legend(named: Named, shades: dict[str, str]) -> Markup:
    """Names by their colours; those who cannot see them have the figures."""
    items = [
        element("li", name, style=f"--shade:{shades[name]}", data_series=number)
        for number, (name, _) in enumerate(named)
    ]
    return element("ul", *items, class_="legend", aria_hidden="true")


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
    listed = panel.defaults.get("links", [])
    links: list[object] = []
    if service and not listed:
        links = [" ", link("service", addresses.service(service, view.shown))]
    values = {f"__field.labels.{key}": value for key, value in series.labels.items()}
    for one in listed:
        to = addresses.with_values(one["url"], values, view.shown, view.chosen)
        links += [" ", link(one["title"], to)]
    return join([name, *links])


def _custom(panel: Panel) -> Json:
    found: Json = panel.defaults.get("custom", {})
    return found
