"""How a histogram's values spread over time."""

import math
from collections.abc import Sequence

from observability.boards import Answer, Panel
from observability.console import units
from observability.console.charts.view import View
from observability.console.markup import Markup, element, join, table
from observability.console.timerange import clock

_MOST_COLUMNS = 60
_FAINTEST = 0.06
Cells = list[tuple[int, int, float]]


def draw(panel: Panel, answers: Sequence[Answer], view: View) -> Markup:
    """A column a moment, a row a bucket, darker where there is more."""
    unit = panel.options.get("yAxis", {}).get("unit", "short")
    limits, moments, cells = spread(answers)
    named = [units.text(limit, unit) if math.isfinite(limit) else "more" for limit in limits]
    totals = dict.fromkeys(range(len(limits)), 0.0)
    for _, row, count in cells:
        totals[row] += count
    where = max(totals, key=lambda row: totals[row]) if totals else 0
    label = f"{panel.title}. Most values are up to {named[where]} ({view.shown.words})."
    picture = element(
        "div",
        element("div", *(element("span", name) for name in named), class_="values buckets"),
        element("div", _picture(named, moments, cells), class_="plot"),
        element("div", *_ends(moments), class_="moments"),
        class_="chart",
        role="img",
        aria_label=label,
    )
    return picture + _figures(panel, named, totals)


def spread(answers: Sequence[Answer]) -> tuple[list[float], list[float], Cells]:
    """Buckets' upper limits, moments, and (moment, bucket, how much is in it alone).

    Prometheus' buckets hold all that is below their limit; each is less the one before.
    """
    buckets: dict[float, dict[float, float]] = {}
    for answer in answers:
        for series in answer.series:
            if "le" in series.labels:
                buckets[float(series.labels["le"])] = dict(series.points)
    limits = sorted(buckets)
    every = sorted({at for points in buckets.values() for at in points})
    moments = every[:: max(1, math.ceil(len(every) / _MOST_COLUMNS))]
    cells = []
    for column, at in enumerate(moments):
        below = 0.0
        for row, limit in enumerate(limits):
            upto = buckets[limit].get(at, below)
            value = upto if math.isfinite(upto) else below
            cells.append((column, row, max(0.0, value - below)))
            below = max(below, value)
    return limits, moments, cells


def _picture(named: list[str], moments: list[float], cells: Cells) -> Markup:
    most = max((count for _, _, count in cells), default=0.0) or 1.0
    drawn = [
        element(
            "rect",
            element("title", f"{_reach(named[row])} at {clock(moments[column])[:8]}: {count:.3g}"),
            x=column,
            y=len(named) - 1 - row,
            width=1,
            height=1,
            style=f"opacity:{_FAINTEST + (1 - _FAINTEST) * count / most:.2f}",
        )
        for column, row, count in cells
        if count
    ]
    return element(
        "svg",
        join(drawn),
        viewBox=f"0 0 {max(1, len(moments))} {max(1, len(named))}",
        preserveAspectRatio="none",
        class_="cells",
        aria_hidden="true",
    )


def _reach(name: str) -> str:
    return name if name == "more" else f"≤ {name}"


def _ends(moments: list[float]) -> list[Markup]:
    return [
        element("span", clock(at)[:5], style=f"left:{share:.0%}")
        for at, share in ((moments[0], 0.0), (moments[-1], 1.0))
        if moments
    ]


def _figures(panel: Panel, named: list[str], totals: dict[int, float]) -> Markup:
    whole = sum(totals.values()) or 1.0
    rows = [[named[row], f"{totals[row] / whole:.1%}"] for row in range(len(named))]
    return element(
        "details",
        element("summary", "Figures", element("span", f" of {panel.title}", class_="unseen")),
        table(["Up to", "Share"], rows, f"{panel.title}: share of each bucket"),
        class_="figures",
    )
