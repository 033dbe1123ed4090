"""What drawers are given beside the answers, and what they give back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from observability.boards import Span
from observability.console.markup import Markup
from observability.console.timerange import TimeRange

Json = dict[str, Any]


@dataclass(frozen=True)
class Mark:
    """Something that happened: drawn as a line across the charts; `at` in unix seconds."""

    at: float
    title: str
    kind: str


@dataclass(frozen=True)
class View:
    """The time that is shown, and what happened in it."""

    shown: TimeRange
    span: Span
    marks: Sequence[Mark] = ()


@dataclass(frozen=True)
class Drawing:
    """HTML, and a chart (options of ECharts) above it if there is one.

    `label` says in words what the chart shows, for those who do not see it.
    """

    html: Markup = field(default_factory=Markup)
    chart: Json | None = None
    label: str = ""
