"""How a histogram's values spread over time."""

import math
from collections.abc import Sequence
from typing import Any

from observability.boards import Answer, Panel
from observability.console import units
from observability.console.charts import style
from observability.console.charts.view import Drawing, View
from observability.console.markup import element, table
from observability.console.timerange import clock

Json = dict[str, Any]
_MOST_COLUMNS = 60


def draw(panel: Panel, answers: Sequence[Answer], view: View) -> Drawing:
    """A column a moment, a row a bucket, darker where there is more."""
    unit = panel.options.get("yAxis", {}).get("unit", "short")
    limits, moments, cells = spread(answers)
    named = [units.text(limit, unit) if math.isfinite(limit) else "more" for limit in limits]
    most = max((count for _, _, count in cells), default=0.0)
    chart = style.base() | {
        "xAxis": _axis([clock(at)[:8] for at in moments]),
        "yAxis": _axis([f"≤ {name}" if name != "more" else name for name in named]),
        "tooltip": style.tooltip("item"),
        "visualMap": {
            "min": 0,
            "max": most or 1,
            "show": False,
            "inRange": {"color": ["rgba(59,130,214,0.06)", "#3b82d6", "#1f3f75"]},
        },
        "series": [
            {
                "type": "heatmap",
                "name": panel.title,
                "data": [
                    [column, row, float(f"{count:.3g}")] for column, row, count in cells if count
                ],
            }
        ],
    }
    totals = dict.fromkeys(range(len(limits)), 0.0)
    for _, row, count in cells:
        totals[row] += count
    whole = sum(totals.values()) or 1.0
    rows = [[named[row], f"{totals[row] / whole:.1%}"] for row in range(len(limits))]
    figures = element(
        "details",
        element("summary", "Figures"),
        table(["Up to", "Share"], rows, f"{panel.title}: share of each bucket"),
        class_="figures",
    )
    where = max(totals, key=lambda row: totals[row]) if totals else 0
    label = f"{panel.title}. Most values are up to {named[where]} ({view.shown.words})."
    return Drawing(html=figures, chart=chart, label=label)


def spread(
    answers: Sequence[Answer],
) -> tuple[list[float], list[float], list[tuple[int, int, float]]]:
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


def _axis(names: list[str]) -> Json:
    return {
        "type": "category",
        "data": names,
        "axisTick": {"show": False},
        "axisLine": {"lineStyle": {":color": "belfry.colour('--line')"}},
        "axisLabel": {"hideOverlap": True, "fontSize": 11, ":color": "belfry.colour('--dim')"},
    }
