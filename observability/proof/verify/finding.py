"""What a check answers: one thing looked at, and whether it holds."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: Which kind of look it was: `contract`, `panel`, `hop`, …
        subject: What was looked at: a metric, a panel, a way between two signals.
        ok: Whether it is as it should be.
        detail: What was seen; of a miss, what to do about it.
        places: Where it is written down: file and panel, rule or heading.
    """

    check: str
    subject: str
    ok: bool
    detail: str
    places: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `belfry verify --json` prints it."""
        return asdict(self)


def misses(findings: Iterable[Finding]) -> list[Finding]:
    """Those that do not hold."""
    return [one for one in findings if not one.ok]
