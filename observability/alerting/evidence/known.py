"""What the catalogue knows of an alert and its notification does not say."""

from __future__ import annotations

from functools import cache

from observability.alerting.catalogue import GROUPS
from observability.alerting.profiles import DEMO
from observability.alerting.spec import Alert


def known(name: str) -> Alert | None:
    """The catalogue's alert of that name; None for somebody's own."""
    return _alerts().get(name)


@cache
def _alerts() -> dict[str, Alert]:
    return {alert.name: alert for group in GROUPS for alert in group.alerts(DEMO)}
