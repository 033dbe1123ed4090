"""One figure, coloured by its limits, with its course behind it."""

import math
from collections.abc import Sequence

from observability.boards import Answer, Panel
from observability.console import addresses, units
from observability.console.charts import fields
from observability.console.charts.timeseries import Named, names
from observability.console.charts.view import View
from observability.console.markup import Markup, element, join, link
from observability.query import Series

_MOST = 8
_WIDTH, _HEIGHT = 100, 24


def draw(panel: Panel, answers: Sequence[Answer], view: View) -> Markup:
    """The last value of each series, large."""
    named = names(panel, answers)
    figures = [_figure(panel, name, one, alone=len(named) == 1) for name, one in named[:_MOST]]
    course = _course(named, view) if panel.options.get("graphMode") == "area" else Markup()
    traces = [one for answer in answers for one in answer.exemplars if one.trace_id]
    slowest = max(traces, key=lambda one: one.value, default=None)
    to_trace = (
        link("slowest trace", addresses.trace(slowest.trace_id or ""), class_="more")
        if slowest
        else Markup()
    )
    return join([element("div", *figures, class_="stats"), course, to_trace])


def last(series: Series) -> float | None:
    """The last value that is a number."""
    return next((value for _, value in reversed(series.points) if not math.isnan(value)), None)


def value_text(field: fields.Json, value: float | None) -> tuple[str, str | None]:
    """How a value is written, and its colour."""
    if value is None:
        return str(field.get("noValue") or "—"), None
    word = fields.mapped(field, value)
    if word:
        return word
    written = units.text(value, field.get("unit", "short"), field.get("decimals"))
    return written, fields.limit_colour(field, value)


def _figure(panel: Panel, name: str, series: Series, *, alone: bool) -> Markup:
    written, shade = value_text(fields.settings(panel, name), last(series))
    label = Markup() if alone else element("span", name, class_="name")
    style = f"--shade:{shade}" if shade else None
    return element("p", element("strong", written, style=style), label, class_="stat")


def _course(named: Named, view: View) -> Markup:
    """A small line of the first series; says nothing that the figure does not."""
    points = [p for p in named[0][1].points if math.isfinite(p[1])] if named else []
    if len(points) < 2:
        return Markup()
    values = [value for _, value in points]
    low, high = min(0.0, *values), max(values)
    height = (high - low) or 1.0
    length = (view.span.end - view.span.start) or 1.0
    path = " ".join(
        f"{_WIDTH * (at - view.span.start) / length:.1f},"
        f"{_HEIGHT - (_HEIGHT - 2) * (value - low) / height:.1f}"
        for at, value in points
    )
    line = element("polyline", points=path)
    return element(
        "svg",
        line,
        class_="course",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
