"""The kinds of panel, each with the same look wherever it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from dashboards.kit.model import Look, Meaning, Panel, Size
from dashboards.kit.queries import Json, Loki, Prom, Query
from dashboards.kit.style import WORD_COLOURS, WORD_LABELS


def timeseries(
    title: str,
    *queries: Query,
    says: Meaning,
    look: Look | None = None,
    size: Size = (8, 8),
    style: Literal["lines", "stacked", "bars"] = "lines",
) -> Panel:
    """Figures over time; limits are drawn as lines, exemplars as dots that open the trace."""
    look = look or Look()
    custom = {
        "drawStyle": "bars" if style == "bars" else "line",
        "lineWidth": 1,
        "fillOpacity": {"lines": 8, "stacked": 30, "bars": 60}[style],
        "showPoints": "never",
        "spanNulls": False,
        "axisSoftMin": 0,
        "stacking": {"mode": "none" if style == "lines" else "normal", "group": "A"},
        "thresholdsStyle": {"mode": "line" if len(look.steps) > 1 else "off"},
    }
    return Panel(
        kind="timeseries",
        title=title,
        queries=queries,
        says=says,
        size=size,
        defaults=look.to_json("palette-classic-by-name") | {"custom": custom},
        options={
            "legend": {
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": True,
                "calcs": [],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        overrides=_colours(queries),
    )


def stat(
    title: str,
    query: Query,
    *,
    says: Meaning,
    look: Look | None = None,
    size: Size = (4, 4),
) -> Panel:
    """One figure, coloured by its limits, with its course behind it."""
    instant = isinstance(query, Prom | Loki) and query.instant
    return Panel(
        kind="stat",
        title=title,
        queries=(query,),
        says=says,
        size=size,
        defaults=(look or Look()).to_json("thresholds"),
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value",
            "graphMode": "none" if instant else "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "auto",
            "wideLayout": True,
        },
    )


def heatmap(title: str, query: Prom, *, says: Meaning, unit: str, size: Size = (12, 8)) -> Panel:
    """How a histogram's values spread over time."""
    hidden = {"legend": False, "tooltip": False, "viz": False}
    return Panel(
        kind="heatmap",
        title=title,
        queries=(query,),
        says=says,
        size=size,
        defaults={"custom": {"scaleDistribution": {"type": "linear"}, "hideFrom": hidden}},
        options={
            "calculate": False,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Blues", "steps": 64, "reverse": False},
            "exemplars": {"color": "rgba(255,120,0,0.8)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": True},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
        },
    )


def logs(
    title: str,
    query: Query,
    *,
    says: Meaning,
    size: Size = (24, 12),
    fields: Sequence[str] = (),
) -> Panel:
    """Log lines, newest first; a line's trace id opens the trace.

    `fields` are shown in the place of the line, where its event alone says too little.
    """
    return Panel(
        kind="logs",
        title=title,
        queries=(query,),
        says=says,
        size=size,
        defaults={},
        options={
            "showTime": True,
            "showLabels": False,
            "showCommonLabels": False,
            "wrapLogMessage": True,
            "prettifyLogMessage": False,
            "enableLogDetails": True,
            "dedupStrategy": "none",
            "sortOrder": "Descending",
        }
        | ({"displayedFields": list(fields)} if fields else {}),
    )


def traces(title: str, query: Query, *, says: Meaning, size: Size = (24, 10)) -> Panel:
    """Traces found by a search, as a table; a click opens one."""
    return Panel(
        kind="table",
        title=title,
        queries=(query,),
        says=says,
        size=size,
        defaults={"custom": {"align": "auto", "filterable": False}},
        options={"showHeader": True, "cellHeight": "sm"},
    )


def node_graph(
    title: str, query: Query, *, says: Meaning, links: Sequence[Json], size: Size = (12, 14)
) -> Panel:
    """Who calls whom; the links are those of a node, whose name is `${__value.raw}`."""
    # the data source gives the nodes' names in a field that edges do not have
    of_nodes = {
        "matcher": {"id": "byName", "options": "title"},
        "properties": [{"id": "links", "value": list(links)}],
    }
    return Panel(
        kind="nodeGraph",
        title=title,
        queries=(query,),
        says=says,
        size=size,
        defaults={},
        options={"zoomMode": "cooperative"},
        overrides=(of_nodes,),
    )


def _colours(queries: Sequence[Query]) -> tuple[Json, ...]:
    """Fixed colours for the words with a meaning that these legends can end in."""
    legends = [query.target("A").get("legendFormat", "") for query in queries]
    any_word = any(f"{{{{{label}}}}}" in legend for legend in legends for label in WORD_LABELS)
    return tuple(
        _coloured(word, colour)
        for word, colour in WORD_COLOURS.items()
        if any_word or any(legend.split()[-1:] == [word] for legend in legends)
    )


def _coloured(name: str, colour: str) -> Json:
    """Series called exactly `name`, or with it as their last word, have this colour."""
    return {
        "matcher": {"id": "byRegexp", "options": f"/(^|[ ,]){name}$/"},
        "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
    }


def value_names(names: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """Words and colours in place of values: `{"1": ("up", "green")}`."""
    options = {
        value: {"text": word, "color": colour, "index": index}
        for index, (value, (word, colour)) in enumerate(names.items())
    }
    return [{"type": "value", "options": options}]
