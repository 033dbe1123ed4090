"""Alerts on queues, whichever broker holds them."""

from observability.alerting.spec import (
    VALUE_COUNT,
    Alert,
    Profile,
    Severity,
    Team,
    label,
)

# Every process that knows a queue reports its depth: the largest answer is the queue's.
_BY = "by (messaging_destination_name, service_namespace, deployment_environment_name)"
_QUEUE = label("messaging_destination_name")


def alerts(profile: Profile) -> list[Alert]:
    """The alerts of this group, tuned by `profile`."""
    return [_queue_backlog(profile)]


def _queue_backlog(profile: Profile) -> Alert:
    return Alert(
        name="QueueBacklog",
        expr=f"max {_BY} (messaging_queue_depth) > {profile.queue_depth}",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"{VALUE_COUNT} messages wait in queue {_QUEUE}",
        description=(
            f"Queue {_QUEUE} has held more than {profile.queue_depth} messages for at least"
            f" {profile.hold_for} ({VALUE_COUNT} now): work is asked for faster than it is done,"
            " and customers wait for what it does."
        ),
        dashboard="queues-workers",
        variables={
            "queue": "messaging_destination_name",
            "environment": "deployment_environment_name",
        },
    )
