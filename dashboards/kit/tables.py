"""Tables: one line for each combination of labels, one column for each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dashboards.kit.model import Look, Meaning, Panel, Size
from dashboards.kit.queries import Json, Loki, Prom, Query


@dataclass(frozen=True)
class Column:
    """A figure for each line.

    Attributes:
        title: Heading.
        asks: PromQL, or an instant query to Loki, that answers with one series a line, with exactly
            the table's labels.
        look: Unit, limits and links.
        coloured: Whether the limits colour the figure.
    """

    title: str
    asks: str | Loki
    look: Look = field(default_factory=Look)
    coloured: bool = False


@dataclass(frozen=True)
class Lines:
    """What makes a line.

    Attributes:
        labels: Label name to its heading, left to right.
        links: On the first label's cells.
        sort: Heading of the column by which lines are sorted, largest first.
    """

    labels: Mapping[str, str]
    links: Sequence[Json] = ()
    sort: str | None = None


def table(title: str, *columns: Column, lines: Lines, says: Meaning, size: Size = (24, 9)) -> Panel:
    """A table of instant answers."""
    labels = lines.labels
    values = {_value(index, len(columns)): column.title for index, column in enumerate(columns)}
    names = {**labels, **values}
    organize = {
        "id": "organize",
        "options": {
            "excludeByName": {"Time": True},
            "indexByName": {name: index for index, name in enumerate(names)},
            "renameByName": names,
        },
    }
    first = next(iter(labels.values()))
    overrides = [_column(column) for column in columns]
    if lines.links:
        overrides.append(_override(first, {"links": list(lines.links)}))
    return Panel(
        kind="table",
        title=title,
        queries=tuple(_query(column) for column in columns),
        says=says,
        size=size,
        defaults={"custom": {"align": "auto", "filterable": False}},
        options={
            "showHeader": True,
            "cellHeight": "sm",
            "sortBy": [{"displayName": lines.sort, "desc": True}] if lines.sort else [],
        },
        overrides=tuple(overrides),
        transformations=({"id": "merge", "options": {}}, organize),
    )


def _query(column: Column) -> Query:
    if isinstance(column.asks, str):
        return Prom(column.asks, instant=True, format="table")
    return column.asks


def _value(index: int, count: int) -> str:
    """What Grafana calls the figure of the query at `index`."""
    return "Value" if count == 1 else f"Value #{chr(ord('A') + index)}"


def _column(column: Column) -> Json:
    look = column.look.to_json("thresholds")
    if column.coloured:
        look["custom.cellOptions"] = {"type": "color-text"}
    return _override(column.title, {name: value for name, value in look.items() if value != []})


def _override(heading: str, properties: Json) -> Json:
    return {
        "matcher": {"id": "byName", "options": heading},
        "properties": [{"id": name, "value": value} for name, value in properties.items()],
    }
