"""Payloads as Alertmanager sends them."""

from typing import Any

STARTED = "2026-03-01T10:00:00.123456789Z"
ENDED = "2026-03-01T10:02:30Z"
NEVER = "0001-01-01T00:00:00Z"


def alert(status: str = "firing", **changes: Any) -> dict[str, Any]:
    """One alert of a payload: ServiceDown of checkout."""
    labels = {
        "alertname": "ServiceDown",
        "severity": "critical",
        "team": "services",
        "service_name": "checkout",
    }
    annotations = {
        "summary": "checkout is down",
        "description": "No replica has answered.",
        "runbook_url": "docs/runbooks/ServiceDown.md",
        "dashboard_url": "/d/service-detail?var-service=checkout&from=now-15m&to=now",
    }
    return {
        "status": status,
        "labels": labels | changes.pop("labels", {}),
        "annotations": annotations | changes.pop("annotations", {}),
        "startsAt": STARTED,
        "endsAt": ENDED if status == "resolved" else NEVER,
        "generatorURL": "http://127.0.0.1:9090/graph",
        "fingerprint": "ba5eba11",
        **changes,
    }


def webhook(*alerts: dict[str, Any]) -> dict[str, Any]:
    """A payload with these alerts."""
    return {
        "version": "4",
        "groupKey": '{}:{alertname="ServiceDown"}',
        "truncatedAlerts": 0,
        "status": alerts[0]["status"],
        "receiver": "inbox",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
        "alerts": list(alerts),
    }
