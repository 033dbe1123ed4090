"""A panel, and what one says about it, apart from its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dashboards.kit.queries import Json, Query
from dashboards.kit.style import COUNT, Steps, neutral

Size = tuple[int, int]


@dataclass(frozen=True)
class Meaning:
    """What the reader of a panel should know.

    Attributes:
        normal: What one sees when all is well.
        act: What to do when one sees something else.
        quiet: Why it shows nothing when all is well; None when it must always have data.
    """

    normal: str
    act: str
    quiet: str | None = None

    def text(self) -> str:
        """For the panel's (i)."""
        empty = f"\n\n**Empty when all is well:** {self.quiet}" if self.quiet else ""
        return f"**Normal:** {self.normal}\n\n**If not:** {self.act}{empty}"


@dataclass(frozen=True)
class Panel:
    """One panel, not yet placed.

    Attributes:
        says: What the reader should know.
        size: Width of the 24 columns, and height in Grafana's units of 30 pixels.
    """

    kind: str
    title: str
    queries: tuple[Query, ...]
    says: Meaning
    size: Size
    defaults: Json
    options: Json
    overrides: tuple[Json, ...] = ()
    transformations: tuple[Json, ...] = ()

    def to_json(self, number: int, x: int, y: int) -> Json:
        """The panel as Grafana stores it, at a place."""
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        defaults = self.defaults | ({"noValue": "none"} if self.says.quiet else {})
        panel: Json = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.says.text(),
            "gridPos": {"x": x, "y": y, "w": self.size[0], "h": self.size[1]},
            "fieldConfig": {"defaults": defaults, "overrides": list(self.overrides)},
            "options": self.options,
            "transformations": list(self.transformations),
            "targets": [
                query.target(letter) for query, letter in zip(self.queries, letters, strict=False)
            ],
        }
        if self.queries:
            panel["datasource"] = self.queries[0].datasource
        return panel


@dataclass(frozen=True)
class Look:
    """Unit, limits and links of a panel's values."""

    unit: str = COUNT
    steps: Steps = field(default_factory=neutral)
    decimals: int | None = None
    minimum: float | None = 0
    maximum: float | None = None
    links: Sequence[Json] = ()
    mappings: Sequence[Json] = ()

    def to_json(self, mode: str) -> Json:
        """Field defaults, coloured by `mode`."""
        values: Json = {
            "unit": self.unit,
            "color": {"mode": mode},
            "thresholds": {"mode": "absolute", "steps": self.steps},
            "links": list(self.links),
            "mappings": list(self.mappings),
        }
        optional = {"decimals": self.decimals, "min": self.minimum, "max": self.maximum}
        return values | {name: value for name, value in optional.items() if value is not None}
