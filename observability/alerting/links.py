"""Where to go from a notification: addresses that a browser can open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from observability.alerting.notifications import Notification

_BEFORE = timedelta(minutes=15)
_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class Links:
    """Addresses; the runbook's is relative to the console."""

    dashboard: str | None
    runbook: str | None


def links(one: Notification, *, grafana: str) -> Links:
    """The dashboard at the time of the alert, and the runbook.

    Args:
        one: The notification; its annotations hold paths relative to the two bases.
        grafana: Base URL of Grafana.
    """
    return Links(_dashboard(one, grafana.rstrip("/")), _runbook(one))


def period(one: Notification) -> tuple[datetime, datetime | None]:
    """The time worth looking at: from before it began until after it ended, None: until now."""
    ended = one.ends_at or one.resolved_at
    return one.starts_at - _BEFORE, ended + _AFTER if ended else None


def milliseconds(moment: datetime | None) -> str:
    """A moment as Grafana's addresses have it; None: now."""
    return "now" if moment is None else str(round(moment.timestamp() * 1000))


def _dashboard(one: Notification, grafana: str) -> str | None:
    path = one.annotations.get("dashboard_url", "")
    if not path.startswith("/d/"):
        return _web_address(path)
    start, end = (milliseconds(moment) for moment in period(one))
    page, _, query = path.partition("?")
    # the link's own range is relative to when it is opened
    kept = [part for part in query.split("&") if part and not part.startswith(("from=", "to="))]
    return f"{grafana}{page}?{'&'.join([*kept, f'from={start}', f'to={end}'])}"


def _runbook(one: Notification) -> str | None:
    path = one.annotations.get("runbook_url", "")
    return f"/{path}" if path.startswith("docs/runbooks/") else _web_address(path)


def _web_address(text: str) -> str | None:
    """`text` if it is safe to link to: labels and annotations come from outside."""
    return text if text.startswith(("http://", "https://")) else None
