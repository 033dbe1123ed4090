"""Alerts on attacks, and on an audit trail that cannot be trusted."""

from __future__ import annotations

from observability.alerting.profiles import Profile
from observability.alerting.spec import (
    BY_SERVICE,
    PLACE,
    VALUE_COUNT,
    Alert,
    Rule,
    Severity,
    Team,
    label,
)

_SERVICE = label("service_name")
_WHERE = label("deployment_environment_name")
_LINK = {"environment": "deployment_environment_name"}
_SERVED = "http_server_request_duration_seconds_count"


def rules(profile: Profile) -> list[Rule]:
    """The rules of this group, tuned by `profile`."""
    return [_sign_ins(profile), _tokens(profile), _chain()]


def _sign_ins(profile: Profile) -> Alert:
    window = profile.security_window
    failed = f'sum {BY_SERVICE} (increase(shop_sign_ins_total{{outcome!="ok"}}[{window}]))'
    every = f"sum {BY_SERVICE} (increase(shop_sign_ins_total[{window}]))"
    return Alert(
        name="SignInAttack",
        expr=f"""\
({failed} > {profile.refusals})
and
{failed} / {every} > 0.5""",
        hold=None,
        severity=Severity.CRITICAL,
        team=Team.SECURITY,
        summary=f"{VALUE_COUNT} sign-ins failed within {window}: somebody tries passwords",
        description=(
            f"{VALUE_COUNT} sign-ins at {_SERVICE} ({_WHERE}) failed within {window}, more than"
            f" half of all; people who mistype make far fewer than {profile.refusals}."
            " Accounts with weak passwords are in danger."
        ),
        dashboard="audit",
        variables=_LINK,
    )


def _tokens(profile: Profile) -> Alert:
    window = profile.security_window
    # a wrong password at sign-in is a matter of the alert above
    asked = 'http_route!~".*(sessions|sign-in)"'
    refused = f'{_SERVED}{{http_response_status_code=~"401|403",{asked}}}[{window}]'
    return Alert(
        name="TokenAbuse",
        expr=f"""\
(sum {BY_SERVICE} (increase({refused})) > {profile.refusals})
and
sum {BY_SERVICE} (increase({refused})) / sum {BY_SERVICE} (increase({_SERVED}[{window}])) > 0.1""",
        hold=None,
        severity=Severity.CRITICAL,
        team=Team.SECURITY,
        summary=f"{_SERVICE} refused {VALUE_COUNT} tokens within {window}",
        description=(
            f"{VALUE_COUNT} requests to {_SERVICE} ({_WHERE}) within {window} came with a token"
            f" that is forged, expired or not allowed this (401, 403); the limit is"
            f" {profile.refusals}, and a tenth of all requests."
        ),
        dashboard="audit",
        variables=_LINK,
    )


def _chain() -> Alert:
    place = ", ".join(PLACE)
    return Alert(
        name="AuditChainBroken",
        expr=(
            f"label_replace(max by (chain, {place}) (audit_chain_breaks) > 0,"
            ' "service_name", "$1", "chain", "(.*?)(-[0-9]+)?")'
        ),
        hold=None,
        severity=Severity.CRITICAL,
        team=Team.SECURITY,
        summary=f"The audit trail of {label('chain')} is broken in {VALUE_COUNT} places",
        description=(
            f"{VALUE_COUNT} events of the audit trail of {label('chain')} ({_WHERE}) are missing,"
            " changed or out of order: who did what can no longer be proven. Somebody with access"
            " to its files did this, or a disk lost data."
        ),
        dashboard="audit",
        variables=_LINK,
    )
