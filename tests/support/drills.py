"""Scenarios and notifications as drills see them."""

from datetime import UTC, datetime
from typing import Any

from observability.alerting.notifications import Notification
from observability.proof.drill.model import Scenario

NOW = 1_700_000_000.0
"""Some moment, in unix seconds."""


def scenario(name: str, hits: str, **more: Any) -> Scenario:
    """One that makes a service fail, and expects that its errors ring."""
    return Scenario.model_validate(
        {
            "name": name,
            "what": name,
            "do": [{"fault": f"{hits}.error_rate=1"}],
            "hits": [hits],
            "expect": [f'HighErrorRate{{service_name="{hits}"}}'],
            **more,
        }
    )


def notification(
    alert: str, service: str, at: float, *, ended: float | None = None
) -> Notification:
    """Of an alert that rang `at`; of its end, if it has `ended`."""
    began = datetime.fromtimestamp(at, UTC)
    end = None if ended is None else datetime.fromtimestamp(ended, UTC)
    return Notification(
        id=1,
        fingerprint=f"{alert} {service}",
        status="resolved" if end else "firing",
        name=alert,
        severity="critical",
        team="services",
        service=service,
        summary="it rings",
        description="",
        starts_at=began,
        ends_at=end,
        resolved_at=end,
        received_at=end or began,
        repeats=0,
        labels={"alertname": alert, "service_name": service},
        annotations={},
        source="",
    )
