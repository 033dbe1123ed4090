"""The time that a view shows, in Grafana's own notation: `now-30m`, or milliseconds since 1970."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from observability.boards import Span

_RELATIVE = re.compile(r"now(?:-(?P<number>\d+)(?P<unit>[smhdw]))?$")
_LENGTHS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_WORDS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = 31 * 86_400
DEFAULT = "now-30m"
#: What the picker offers.
OFFERED = ("now-5m", "now-15m", "now-30m", "now-1h", "now-3h", "now-6h", "now-24h", "now-7d")


@dataclass(frozen=True)
class TimeRange:
    """From when to when, as it stands in an address."""

    start: str
    end: str

    @property
    def live(self) -> bool:
        """Whether it ends now, so that a refresh shows something new."""
        return self.end == "now"

    @property
    def words(self) -> str:
        """For people: `last 30 minutes`, or the two moments."""
        found = _RELATIVE.match(self.start)
        if self.live and found and found["number"]:
            return f"last {found['number']} {_WORDS[found['unit']]}"
        span = self.span()
        return f"{moment(span.start)} to {moment(span.end)} UTC"

    def span(self, now: float | None = None) -> Span:
        """In unix seconds; never empty, backwards or longer than a month."""
        present = time.time() if now is None else now
        start, end = _seconds(self.start, present), _seconds(self.end, present)
        if end - start < 1:
            start = end - 60
        return Span(max(start, end - _LONGEST), end)

    def query(self, **more: str | Sequence[str]) -> str:
        """As a query string, with further parameters, of which one may have several values."""
        return urlencode({"from": self.start, "to": self.end, **more}, doseq=True)


def parse(start: str | None, end: str | None, default: str = DEFAULT) -> TimeRange:
    """The range of an address; what is missing or nonsense becomes the default, up to now."""
    begin = start if start and _valid(start) else default
    return TimeRange(begin, end if end and _valid(end) else "now")


def around(at: float, seconds: float = 300) -> TimeRange:
    """So many seconds before and after a moment."""
    return TimeRange(f"{int((at - seconds) * 1000)}", f"{int((at + seconds) * 1000)}")


def moment(at: float, *, seconds: bool = True) -> str:
    """A moment in UTC as people read it."""
    pattern = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return datetime.fromtimestamp(at, UTC).strftime(pattern)


def clock(at: float) -> str:
    """The time of day in UTC with milliseconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]


def _valid(text: str) -> bool:
    return bool(_RELATIVE.match(text)) or (text.isdigit() and len(text) <= 14)


def _seconds(text: str, now: float) -> float:
    found = _RELATIVE.match(text)
    if found is None:
        return int(text) / 1000
    if found["number"] is None:
        return now
    return max(0.0, now - int(found["number"]) * _LENGTHS[found["unit"]])
