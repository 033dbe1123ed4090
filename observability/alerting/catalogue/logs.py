"""Alerts on log lines, evaluated by Loki's ruler."""

from __future__ import annotations

from observability.alerting.profiles import Profile
from observability.alerting.spec import (
    BY_SERVICE,
    IDENTITY,
    VALUE_COUNT,
    Alert,
    Rule,
    Severity,
    Team,
    label,
)

_IDS = ", ".join(IDENTITY)
_SERVICE = label("service_name")
_WHERE = label("deployment_environment_name")
_LINK = {"service": "service_name", "environment": "deployment_environment_name"}
# A request that ended in a 5xx is counted by the SLO of its service, and an upstream that fails by
# its own; here is what else went wrong.
_OF_ITS_OWN = (
    '{level=~"error|critical", log_stream="app"} != "request_finished" != "upstream_failed"'
)
# They hold for a while, so that a page about the same failure comes first and tells it instead.
_KIND_LENGTH = 120
"""Characters of a line that make a kind of error: a label that everybody must carry."""


def rules(profile: Profile) -> list[Rule]:
    """The rules of this group, tuned by `profile`."""
    return [_burst(profile), _new(profile), _flood(profile), _stale(profile), _unrecorded(profile)]


def _burst(profile: Profile) -> Alert:
    window = profile.window
    return Alert(
        name="ErrorLogBurst",
        expr=f"""\
sum {BY_SERVICE} (count_over_time({_OF_ITS_OWN} [{window}])) > {profile.error_lines}""",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"{_SERVICE} logged {VALUE_COUNT} errors within {window}",
        description=(
            f"{_SERVICE} ({_WHERE}) wrote {VALUE_COUNT} lines of level error or worse within"
            f" {window}; the limit is {profile.error_lines}. Requests that failed are not counted:"
            " this is what it says of itself."
        ),
        dashboard="logs",
        variables=_LINK,
    )


def _new(profile: Profile) -> Alert:
    window, memory = profile.window, profile.log_memory
    by = f"sum by ({_IDS}, kind)"
    kind = f"{{{{ __line__ | trunc {_KIND_LENGTH} }}}}"
    lines = f'{_OF_ITS_OWN} | label_format kind="{kind}"'
    return Alert(
        name="NewError",
        expr=f"""\
{by} (count_over_time({lines} [{window}])) > 2
unless
{by} (count_over_time({lines} [{memory}] offset {window}))""",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"A new kind of error in {_SERVICE}: {label('kind')}",
        description=(
            f"{_SERVICE} ({_WHERE}) logged {label('kind')} {VALUE_COUNT} times within"
            f" {window}, and not once in the {memory} before."
        ),
        dashboard="logs",
        variables=_LINK,
    )


def _flood(profile: Profile) -> Alert:
    window = profile.window
    lines = '{log_stream="app"}'
    return Alert(
        name="LogFlood",
        expr=f"""\
sum {BY_SERVICE} (count_over_time({lines} [{window}])) > {profile.flood_lines}
and
sum {BY_SERVICE} (count_over_time({lines} [{window}]))
  > 10 * sum {BY_SERVICE} (count_over_time({lines} [{window}] offset {profile.baseline}))
or
sum {BY_SERVICE} (count_over_time({lines} [{window}])) > {10 * profile.flood_lines}""",
        hold=None,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"{_SERVICE} floods the log: {VALUE_COUNT} lines within {window}",
        description=(
            f"{_SERVICE} ({_WHERE}) wrote {VALUE_COUNT} lines within {window}, ten times as many"
            f" as {profile.baseline} ago or over {10 * profile.flood_lines}: they cost storage and"
            " hide the lines that matter."
        ),
        dashboard="logs",
        variables=_LINK,
    )


def _stale(profile: Profile) -> Alert:
    window = profile.window
    lines = '{level="warning", log_stream="app"} |= "stale_answer_served"'
    return Alert(
        name="StaleAnswers",
        expr=f"sum {BY_SERVICE} (count_over_time({lines} [{window}])) > 5",
        hold=None,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"{_SERVICE} gave {VALUE_COUNT} old answers within {window}",
        description=(
            f"What {_SERVICE} ({_WHERE}) asks does not answer, so it gave out {VALUE_COUNT} answers"
            f" from its cache within {window} that are older than they should be: customers see"
            " old prices and stock, and soon errors."
        ),
        dashboard="caches-databases",
        variables=_LINK,
    )


def _unrecorded(profile: Profile) -> Alert:
    window = profile.window
    lines = '{log_stream="audit", level="error"} |= "audit_not_recorded"'
    return Alert(
        name="AuditNotRecorded",
        expr=f"sum {BY_SERVICE} (count_over_time({lines} [{window}])) > 0",
        hold=None,
        severity=Severity.CRITICAL,
        team=Team.SECURITY,
        summary=f"{_SERVICE} could not record {VALUE_COUNT} audit events",
        description=(
            f"{_SERVICE} ({_WHERE}) did {VALUE_COUNT} things within {window} that must be audited"
            " and could not write them to its trail: the disk is full, or the folder cannot be"
            " written. They are in the log alone."
        ),
        dashboard="audit",
        variables={"environment": "deployment_environment_name"},
    )
