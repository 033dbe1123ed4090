"""How much of a limit is used: a bar for each series."""

from collections.abc import Sequence

from observability.boards import Answer, Panel
from observability.console.charts import fields
from observability.console.charts.stat import last, value_text
from observability.console.charts.timeseries import names
from observability.console.charts.view import View
from observability.console.markup import Markup, element
from observability.query import Series


def draw(panel: Panel, answers: Sequence[Answer], _view: View) -> Markup:
    """A bar from the least to the most that the panel allows."""
    bars = [_bar(panel, name, one) for name, one in names(panel, answers)]
    return element("div", *bars, class_="gauges")


def share(value: float | None, low: float, high: float) -> float:
    """How far `value` is from `low` to `high`, from 0 to 1."""
    return 0.0 if value is None else min(1.0, max(0.0, (value - low) / ((high - low) or 1.0)))


def _bar(panel: Panel, name: str, series: Series) -> Markup:
    field = fields.settings(panel, name)
    value = last(series)
    low, high = float(field.get("min", 0)), float(field.get("max", _most(field)))
    written, shade = value_text(field, value)
    fill = element(
        "i", style=f"width:{share(value, low, high):.1%};--shade:{shade or 'var(--link)'}"
    )
    return element(
        "div",
        element("span", name, class_="name"),
        element(
            "span",
            fill,
            class_="bar",
            role="meter",
            aria_label=name,
            aria_valuenow=f"{value or 0:g}",
            aria_valuemin=f"{low:g}",
            aria_valuemax=f"{high:g}",
            aria_valuetext=written,
        ),
        element("strong", written),
        class_="gauge",
    )


def _most(field: fields.Json) -> float:
    steps = field.get("thresholds", {}).get("steps", [])
    limits = [one["value"] for one in steps if one.get("value") is not None]
    return max(limits, default=100 if field.get("unit") == "percent" else 1) or 1
