"""What every kind of panel is drawn into, and which module draws it."""

from collections.abc import Callable, Mapping, Sequence

from observability.boards import Answer, Panel
from observability.console.charts import gauge, graph, heatmap, lines, stat, tables, timeseries
from observability.console.charts.view import View
from observability.console.markup import Markup, element, join

Drawer = Callable[[Panel, Sequence[Answer], View], Markup]

_DRAWERS: Mapping[str, Drawer] = {
    "timeseries": timeseries.draw,
    "stat": stat.draw,
    "gauge": gauge.draw,
    "bargauge": gauge.draw,
    "table": tables.draw,
    "logs": lines.draw,
    "heatmap": heatmap.draw,
    "nodeGraph": graph.draw,
}

__all__ = ["View", "draw"]


def draw(panel: Panel, answers: Sequence[Answer], view: View) -> Markup:
    """A panel with its answers; one without data says why."""
    drawer = _DRAWERS.get(panel.kind)
    if drawer is None:
        return empty(f"The console does not draw panels of the kind {panel.kind}.")
    if all(answer.empty for answer in answers):
        return empty(panel.quiet or "no data in the time shown", calm=panel.quiet is not None)
    return drawer(panel, answers, view)


def empty(why: str, *, calm: bool = False) -> Markup:
    """No data, and why: `calm` if that is how it should be."""
    said = "Nothing to show, as it should be: " if calm else "Nothing to show: "
    return element("p", join([said, why]), class_="empty calm" if calm else "empty")
