"""A dashboard in Grafana's classic JSON, as far as it is read here.

Source: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from observability.boards.fields import seconds

Json = dict[str, Any]

_EMPTY = re.compile(r"\*\*Empty when all is well:\*\* (?P<why>.+)", re.DOTALL)


@dataclass(frozen=True)
class Target:
    """One query of a panel; `kind` is the data source's, such as prometheus, loki or jaeger."""

    ref: str
    kind: str
    raw: Json

    @property
    def expression(self) -> str:
        """PromQL or LogQL; empty for others."""
        return str(self.raw.get("expr", ""))

    @property
    def legend(self) -> str:
        """Template of the series' names; empty: made from their labels."""
        given = str(self.raw.get("legendFormat", ""))
        return "" if given == "__auto" else given

    @property
    def instant(self) -> bool:
        """Whether one moment is asked for rather than a range."""
        return bool(self.raw.get("instant")) or self.raw.get("queryType") == "instant"


@dataclass(frozen=True)
class Panel:
    """One panel; its place in units of Grafana's grid: x and w of 24 columns, y and h in rows."""

    id: int
    kind: str
    title: str
    description: str
    x: int
    y: int
    w: int
    h: int
    targets: tuple[Target, ...]
    raw: Json

    @property
    def quiet(self) -> str | None:
        """Why it has no data when all is well; None if it always must have."""
        found = _EMPTY.search(self.description)
        return found["why"].strip() if found else None

    @property
    def options(self) -> Json:
        """Options of its kind."""
        found: Json = self.raw.get("options", {})
        return found

    @property
    def defaults(self) -> Json:
        """Unit, thresholds, mappings and so on of its values."""
        found: Json = self.raw.get("fieldConfig", {}).get("defaults", {})
        return found


@dataclass(frozen=True)
class Auto:
    """An interval that follows the time shown: one of `parts` of it, at the least `least` s."""

    parts: int
    least: float

    def text(self, length: float) -> str:
        """For a time shown of `length` seconds, as it stands in a query."""
        return f"{round(max(self.least, length / self.parts))}s"


@dataclass(frozen=True)
class Variable:
    """What a reader may choose; `kind` is query, interval, custom or textbox."""

    name: str
    label: str
    kind: str
    query: str
    multi: bool
    include_all: bool
    all_value: str | None
    default: tuple[str, ...]
    auto: Auto | None = None


@dataclass(frozen=True)
class Board:
    """A whole dashboard; rows are panels of the kind `row`, `expr` is what an annotation asks."""

    uid: str
    title: str
    description: str
    span: str
    variables: tuple[Variable, ...]
    panels: tuple[Panel, ...]
    annotations: tuple[Json, ...]
    links: tuple[Json, ...]


def load_all(folder: Path) -> list[Board]:
    """All dashboards of a folder, by title."""
    return sorted((load_board(path) for path in folder.glob("*.json")), key=lambda one: one.title)


def load_board(path: Path) -> Board:
    """The dashboard in a file.

    Raises:
        ValueError: it is not a dashboard; names the file.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Board(
            uid=raw["uid"],
            title=raw["title"],
            description=raw.get("description", ""),
            span=raw["time"]["from"].removeprefix("now-"),
            variables=tuple(_variable(one) for one in raw["templating"]["list"]),
            panels=tuple(_panels(raw["panels"])),
            annotations=tuple(_asking(mark) for mark in raw["annotations"]["list"]),
            links=tuple(raw.get("links", [])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is not a dashboard: {error!r}") from error


def _asking(mark: Json) -> Json:
    """What marks ask for is in their target, as in a panel's; before it stood in themselves."""
    return mark | {"expr": mark.get("target", {}).get("expr") or mark.get("expr", "")}


def _panels(raw: list[Json]) -> Iterator[Panel]:
    """Panels in order, those in collapsed rows included."""
    for one in raw:
        place = one["gridPos"]
        yield Panel(
            id=one["id"],
            kind=one["type"],
            title=one.get("title", ""),
            description=one.get("description", ""),
            x=place["x"],
            y=place["y"],
            w=place["w"],
            h=place["h"],
            targets=tuple(
                Target(target["refId"], target["datasource"]["type"], target)
                for target in one.get("targets", [])
            ),
            raw=one,
        )
        yield from _panels(one.get("panels", []))


def _variable(raw: Json) -> Variable:
    query = raw.get("query", "")
    default = raw.get("current", {}).get("value", [])
    return Variable(
        name=raw["name"],
        label=raw.get("label") or raw["name"],
        kind=raw["type"],
        query=query["query"] if isinstance(query, dict) else query,
        multi=raw.get("multi", False),
        include_all=raw.get("includeAll", False),
        all_value=raw.get("allValue"),
        default=tuple(default) if isinstance(default, list) else (default,),
        auto=_auto(raw) if raw.get("auto") else None,
    )


def _auto(raw: Json) -> Auto:
    return Auto(int(raw.get("auto_count", 30)), seconds(raw.get("auto_min", "")) or 10.0)
