"""Alerts on the interpreter and the process."""

from __future__ import annotations

from observability.alerting.profiles import Profile
from observability.alerting.spec import (
    IDENTITY,
    VALUE_BYTES,
    VALUE_PERCENT,
    Alert,
    Rule,
    Severity,
    Team,
    human_bytes,
    label,
)

_BY = f"by ({', '.join(IDENTITY)}, instance)"
_INSTANCE = label("instance")
_WHERE = label("deployment_environment_name")
_LINK = {
    "service": "service_name",
    "environment": "deployment_environment_name",
    "instance": "instance",
}
_MEMORY = 'process_resident_memory_bytes{job="services"}'


def rules(profile: Profile) -> list[Rule]:
    """The rules of this group, tuned by `profile`."""
    return [_blocked(profile), _leak(profile), _garbage(profile)]


def _blocked(profile: Profile) -> Alert:
    return Alert(
        name="EventLoopBlocked",
        # seconds late within each second: woken four times a second, late by the rest of a block
        expr=f"sum {_BY} (rate(python_event_loop_lag_seconds_sum[{profile.window}])) > 0.15",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"The event loop of {_INSTANCE} is held up {VALUE_PERCENT} of the time",
        description=(
            f"Within the last {profile.window} the event loop of {_INSTANCE} ({_WHERE}) woke up"
            f" late by {VALUE_PERCENT} of the time in all; the limit is 15%. Something computes"
            " or waits inside it, and every request of this replica waits with it."
        ),
        dashboard="runtime",
        about_time=True,
        variables=_LINK,
    )


def _leak(profile: Profile) -> Alert:
    window = profile.leak_window
    return Alert(
        name="MemoryLeak",
        expr=f"""\
({_MEMORY} - min_over_time({_MEMORY}[{window}]) > {profile.leak_bytes})
and
min_over_time({_MEMORY}[{window}]) > {_MEMORY} offset {window}
and
time() - process_start_time_seconds{{job="services"}} > {profile.warm_up_seconds}""",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"The memory of {_INSTANCE} grows: {VALUE_BYTES} within {window}",
        description=(
            f"{_INSTANCE} ({_WHERE}) has taken {VALUE_BYTES} more within {window}, and goes on:"
            f" the limit is {human_bytes(profile.leak_bytes)}. It will be killed when the machine"
            " or its container has no more."
        ),
        dashboard="runtime",
        variables=_LINK,
    )


def _garbage(profile: Profile) -> Alert:
    return Alert(
        name="GcPressure",
        expr=f"sum {_BY} (rate(python_gc_pause_seconds_sum[{profile.window}])) > 0.05",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"{_INSTANCE} spends {VALUE_PERCENT} of its time collecting garbage",
        description=(
            f"Garbage collection has held {_INSTANCE} ({_WHERE}) for {VALUE_PERCENT} of the last"
            f" {profile.window}; the limit is 5%. Each pause holds every request of this replica."
        ),
        dashboard="runtime",
        variables=_LINK,
    )
