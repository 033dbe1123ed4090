"""What drawers are given beside the answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from observability.boards import Span
from observability.console.timerange import TimeRange


@dataclass(frozen=True)
class Mark:
    """Something that happened: drawn as a line across the charts; `at` in unix seconds."""

    at: float
    title: str
    kind: str


@dataclass(frozen=True)
class View:
    """The time that is shown, what happened in it, and what is chosen of each variable."""

    shown: TimeRange
    span: Span
    marks: Sequence[Mark] = ()
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)
