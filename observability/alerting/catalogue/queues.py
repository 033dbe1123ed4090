"""Alerts on queues, whichever broker holds them."""

from __future__ import annotations

from observability.alerting.catalogue.services import EXCUSED
from observability.alerting.profiles import Profile
from observability.alerting.spec import (
    ON_SERVICE,
    PLACE,
    VALUE_COUNT,
    VALUE_DURATION,
    Alert,
    Record,
    Rule,
    Severity,
    Team,
    human_seconds,
    label,
)

_IDS = ", ".join(("messaging_destination_name", *PLACE))
_BY = f"by ({_IDS})"
_ON = f"on ({_IDS})"
_QUEUE = label("messaging_destination_name")
_DONE = "messaging_process_duration_seconds_count"
_LINK = {"queue": "messaging_destination_name", "environment": "deployment_environment_name"}


def stalled(profile: Profile) -> list[Rule]:
    """Whose queue it is, how full it is, and whether nobody takes from it: paging rules."""
    return [
        Record(
            "queue:consumer:info",
            f"topk {_BY} (1, group by ({_IDS}, service_name)"
            f" (last_over_time({_DONE}[{profile.memory_of_targets}])))",
        ),
        Record("queue:messages:depth", _owned("messaging_queue_depth")),
        Record("queue:messages:age_seconds", _owned("messaging_queue_oldest_message_age_seconds")),
        _consumer_stalled(profile),
    ]


def alerts(profile: Profile) -> list[Rule]:
    """Queues that grow, messages that wait, messages that are given up."""
    return [_backlog(profile), _old(profile), _dead(profile)]


def _owned(metric: str) -> str:
    """The queue's figure, with the service that works it off.

    Every process that knows a queue reports it: the largest answer is the queue's.
    """
    largest = f"max {_BY} ({metric})"
    return (
        f"{largest} * {_ON} group_left (service_name) queue:consumer:info\nor {_ON}\n"
        f'label_replace({largest}, "service_name", "nobody", "", "")'
    )


def _consumer_stalled(profile: Profile) -> Alert:
    return Alert(
        name="ConsumerStalled",
        expr=f"""\
queue:messages:depth >= 3
and
queue:messages:age_seconds > {profile.stalled_seconds}
unless {_ON}
sum {_BY} (increase({_DONE}[{profile.stalled_for}])) > 0
unless {ON_SERVICE}
service:down:bool == 1""",
        hold="2s",
        keep=profile.page_keep,
        severity=Severity.CRITICAL,
        team=Team.SERVICES,
        summary=f"Nobody works off queue {_QUEUE}: {VALUE_COUNT} messages wait",
        description=(
            f"{VALUE_COUNT} messages wait in queue {_QUEUE}"
            f" ({label('deployment_environment_name')}), and not one was handled for"
            f" {profile.stalled_for} (by {label('service_name')}): what they ask for does not"
            " happen."
        ),
        dashboard="queues-workers",
        variables=_LINK,
    )


def _backlog(profile: Profile) -> Alert:
    return Alert(
        name="QueueBacklog",
        expr=f"queue:messages:depth > {profile.queue_depth}\nunless {EXCUSED}",
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
        variables=_LINK,
    )


def _old(profile: Profile) -> Alert:
    limit = human_seconds(profile.message_age_seconds)
    return Alert(
        name="OldMessages",
        expr=f"queue:messages:age_seconds > {profile.message_age_seconds}\nunless {EXCUSED}",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"A message has waited in queue {_QUEUE} for {VALUE_DURATION}",
        description=(
            f"The oldest message of queue {_QUEUE} ({label('deployment_environment_name')}) has"
            f" been there for {VALUE_DURATION}; the limit is {limit}. One that"
            " fails again and again, or too few who work."
        ),
        dashboard="queues-workers",
        about_time=True,
        variables=_LINK,
    )


def _dead(profile: Profile) -> Alert:
    window = profile.restart_window
    return Alert(
        name="DeadLetters",
        expr=(
            f"sum by ({_IDS}, service_name) (increase(messaging_dead_letter_total[{window}])) > 0"
        ),
        hold=None,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"{VALUE_COUNT} messages of queue {_QUEUE} were given up",
        description=(
            f"Within {window}, {label('service_name')} has given up {VALUE_COUNT} messages of"
            f" queue {_QUEUE} ({label('deployment_environment_name')}) after their last try:"
            " what they asked for will not happen unless they are replayed."
        ),
        dashboard="queues-workers",
        variables=_LINK,
    )
