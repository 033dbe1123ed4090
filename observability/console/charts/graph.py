"""Who calls whom: a map of services as SVG, each node and edge a link, and the same as a table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from observability.boards import Answer, Panel
from observability.console import addresses, units
from observability.console.charts import fields
from observability.console.charts.layout import Box, Place, arrow, place
from observability.console.charts.view import View
from observability.console.markup import Markup, element, join, link, table
from observability.console.timerange import TimeRange

_ROW = 92
_COLUMN = 380
_BOX = Box(196, 60)
_MARGIN = 24
#: Shares of failed calls from which a node or edge is coloured.
_SOME, _MANY = 0.01, 0.05


@dataclass(frozen=True)
class Figures:
    """Calls a second, the share that fails, and the 95th percentile in seconds; None: unknown."""

    rate: float | None = None
    failing: float | None = None
    p95: float | None = None

    @property
    def state(self) -> str:
        """`good`, `some` or `bad` by the share that fails; `idle` without calls."""
        if not self.rate:
            return "idle"
        failing = self.failing or 0.0
        return "bad" if failing >= _MANY else "some" if failing >= _SOME else "good"

    @property
    def words(self) -> str:
        """All three for people."""
        if self.rate is None:
            return "no calls"
        parts = [f"{units.text(self.rate or 0.0, 'reqps')}"]
        if self.failing:
            parts.append(f"{units.text(self.failing, 'percentunit')} fail")
        if self.p95 is not None:
            parts.append(f"p95 {units.duration(self.p95)}")
        return " · ".join(parts)


@dataclass(frozen=True)
class Edge:
    """Calls from one service to another; `kind` is http or messaging."""

    client: str
    server: str
    kind: str
    figures: Figures


@dataclass(frozen=True)
class ServiceMap:
    """Services by name, and the calls among them."""

    nodes: Mapping[str, Figures]
    edges: Sequence[Edge]


def draw(panel: Panel, answers: Sequence[Answer], view: View) -> Markup:
    """The map as Jaeger counts it: how often each service called each other."""
    length = max(1.0, view.span.end - view.span.start)
    edges = [
        Edge(
            series.labels["parent"],
            series.labels["child"],
            "http",
            Figures(rate=series.points[-1][1] / length),
        )
        for answer in answers
        for series in answer.series
    ]
    names = dict.fromkeys(name for edge in edges for name in (edge.client, edge.server))
    nodes = {
        name: Figures(rate=sum(e.figures.rate or 0.0 for e in edges if e.server == name) or None)
        for name in names
    }
    return picture(ServiceMap(nodes, edges), view.shown, panel.title, _way(panel, view))


def _way(panel: Panel, view: View) -> Callable[[str], str]:
    """Where a node leads: the dashboard names a link of the field that holds nodes' names."""
    named = fields.overrides(panel, "title").get("links", [])

    def to(name: str) -> str:
        if not named:
            return addresses.service(name, view.shown)
        return addresses.with_values(
            named[0]["url"], {"__value.raw": name}, view.shown, view.chosen
        )

    return to


def picture(
    found: ServiceMap, shown: TimeRange, title: str, to: Callable[[str], str] | None = None
) -> Markup:
    """The map and, folded, its table; `to` tells where a service's node leads."""
    to = to or partial(addresses.service, span=shown)
    places = place(list(found.nodes), [(edge.client, edge.server) for edge in found.edges])
    columns = 1 + max((one.column for one in places.values()), default=0)
    rows = max((one.row for one in places.values()), default=0.0) + 1
    width = 2 * _MARGIN + (columns - 1) * _COLUMN + _BOX.width
    height = 2 * _MARGIN + (rows - 1) * _ROW + _BOX.height
    drawn = [_edge(one, places, shown) for one in found.edges if one.client != one.server]
    boxes = [_node(name, figures, places[name], to(name)) for name, figures in found.nodes.items()]
    svg = element(
        "svg",
        element("title", title),
        join(drawn),
        join(boxes),
        class_="map",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        style=f"max-width:{width:.0f}px;min-width:min({width:.0f}px,38rem)",
        role="group",
        aria_label=f"{title}: the table below has the same figures",
    )
    return element("div", svg, class_="scroll mapframe") + _table(found, to, title)


def _at(spot: Place) -> tuple[float, float]:
    return _MARGIN + spot.column * _COLUMN, _MARGIN + spot.row * _ROW


def _node(name: str, figures: Figures, spot: Place, to: str) -> Markup:
    x, y = _at(spot)
    lines = figures.words.split(" · ")
    return element(
        "a",
        element("rect", x=f"{x:.0f}", y=f"{y:.0f}", width=_BOX.width, height=_BOX.height, rx=8),
        element("text", name, x=f"{x + 12:.0f}", y=f"{y + 24:.0f}", class_="name"),
        element("text", " · ".join(lines), x=f"{x + 12:.0f}", y=f"{y + 46:.0f}"),
        href=to,
        class_=f"node {figures.state}",
        aria_label=f"{name}: {figures.words}",
    )


def _edge(one: Edge, places: Mapping[str, Place], shown: TimeRange) -> Markup:
    path, (x, y) = arrow(
        _at(places[one.client]), _at(places[one.server]), _BOX, aside=one.kind == "messaging"
    )
    words = f"{one.client} to {one.server} ({one.kind}): {one.figures.words}"
    brief = units.text(one.figures.rate or 0.0, "reqps")
    if one.figures.p95 is not None:
        brief += f" · {units.duration(one.figures.p95)}"
    wide = 1.2 + min(3.0, (one.figures.rate or 0.0) / 5)
    return element(
        "a",
        element("title", words),
        element("path", d=path, style=f"stroke-width:{wide:.1f}"),
        element("text", brief, x=f"{x:.0f}", y=f"{y:.0f}"),
        href=addresses.traces(shown, service=one.client),
        class_=f"edge {one.kind} {one.figures.state}",
        aria_label=words,
    )


def _table(found: ServiceMap, to: Callable[[str], str], title: str) -> Markup:
    services = [
        ["", link(name, to(name)), *_cells(figures)]
        for name, figures in sorted(found.nodes.items())
    ]
    calls = [
        [one.client, f"{one.server} ({one.kind})", *_cells(one.figures)]
        for one in sorted(found.edges, key=lambda one: (one.client, one.server))
    ]
    return element(
        "details",
        element("summary", "Figures"),
        table(["From", "To", "Calls", "Failing", "p95"], services + calls, f"{title} in figures"),
        class_="figures",
    )


def _cells(figures: Figures) -> list[str]:
    return [
        units.text(figures.rate, "reqps"),
        units.text(figures.failing, "percentunit"),
        units.text(figures.p95, "s"),
    ]
