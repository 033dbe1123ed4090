"""What came of a drill."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

PAGING: Final = frozenset({"critical", "page"})
"""Severities that call a person at once."""


@dataclass
class Rung:
    """One expected alert and when it came; seconds, None if it did not.

    Attributes:
        alert: which.
        severity: of the one that came.
        firing: from the fault to where the rule fired.
        received: from the fault to the inbox.
        resolved: from the fault's end to its end in the inbox.
    """

    alert: str
    severity: str = ""
    firing: float | None = None
    received: float | None = None
    resolved: float | None = None


@dataclass
class Outcome:
    """What came of one drill.

    Attributes:
        drill: its name.
        began: unix seconds.
        seconds: how long it took, waiting for quiet before it not counted.
        alerts: those expected.
        evidence: what traces and logs show of it.
        problems: why it does not hold; empty if it does.
        before: why it did not the first time, if this is the second.
    """

    drill: str
    began: float = 0.0
    seconds: float = 0.0
    alerts: list[Rung] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything was as it must be."""
        return not self.problems

    @property
    def pages(self) -> list[float]:
        """Seconds from the fault to each paging alert that was received."""
        return [
            rung.received
            for rung in self.alerts
            if rung.severity in PAGING and rung.received is not None
        ]


@dataclass
class Report:
    """What came of a run.

    Attributes:
        outcomes: in the order in which the drills ended.
        false_alarms: notifications that no drill explains.
        not_restored: what could not be put back, and why.
        seconds: how long it all took.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)
    not_restored: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether every drill holds, nobody was disturbed for nothing and all is as before."""
        disturbed = self.false_alarms or self.not_restored
        return not disturbed and all(one.ok for one in self.outcomes)

    @property
    def received_p95(self) -> float | None:
        """Seconds from fault to inbox that 95 of 100 paging alerts did not exceed."""
        return percentile(0.95, (page for one in self.outcomes for page in one.pages))

    @property
    def first_received_p95(self) -> float | None:
        """The same over the first paging alert of each drill: when a person knows."""
        return percentile(0.95, (min(one.pages) for one in self.outcomes if one.pages))

    def as_json(self) -> dict[str, Any]:
        """As `belfry drill --json` prints it."""
        return {
            "holds": self.holds,
            "seconds": round(self.seconds, 1),
            "paging_received_p95_seconds": self.received_p95,
            "first_page_received_p95_seconds": self.first_received_p95,
            "false_alarms": self.false_alarms,
            "not_restored": self.not_restored,
            "drills": [{"ok": one.ok, **asdict(one)} for one in self.outcomes],
        }


def percentile(share: float, values: Iterable[float]) -> float | None:
    """The smallest value that this share of the values does not exceed; None without any."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
