"""The alerts that the inbox rings itself: on what would keep all others from arriving."""

from __future__ import annotations

from observability.alerting.spec import Alert, Severity, Team

_STACK = {"service_namespace": "belfry"}

WATCHDOG_SILENT = Alert(
    name="WatchdogSilent",
    expr="",
    hold=None,
    severity=Severity.CRITICAL,
    team=Team.PLATFORM,
    summary="The alerting path has fallen silent",
    description=(
        "No heartbeat of the Watchdog has arrived for more than {minutes} minutes: rules,"
        " Prometheus, Alertmanager or the way from there to here are broken, and no other alert"
        " can be trusted to arrive."
    ),
    dashboard="stack",
    labels=_STACK | {"service_name": "alertmanager"},
)

RECEIVER_FAILING = Alert(
    name="ReceiverFailing",
    expr="",
    hold=None,
    severity=Severity.WARNING,
    team=Team.PLATFORM,
    summary="Receiver {receiver} is failing",
    description=(
        "Messages to receiver {receiver} have failed since {since} UTC ({reason}). They are kept"
        " and tried again: see whether it is up, and its {settings} settings."
    ),
    dashboard="stack",
    labels=_STACK | {"service_name": "console"},
)

OWN_ALERTS = (WATCHDOG_SILENT, RECEIVER_FAILING)
"""Neither Prometheus nor Loki knows them; the words in braces are filled in when they ring."""


def labels_of(alert: Alert, **more: str) -> dict[str, str]:
    """As Prometheus would give them."""
    own = {"alertname": alert.name, "severity": alert.severity.value, "team": alert.team.value}
    return own | dict(alert.labels) | more


def annotations_of(alert: Alert, **values: str) -> dict[str, str]:
    """As Prometheus would fill them in."""
    return {
        "summary": alert.summary.format_map(values),
        "description": alert.description.format_map(values),
        "runbook_url": alert.runbook,
        "dashboard_url": alert.dashboard_link,
    }
