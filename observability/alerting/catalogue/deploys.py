"""Alerts on versions: two at once, and one that made things worse."""

from __future__ import annotations

from observability.alerting.profiles import Profile
from observability.alerting.spec import (
    BY_SERVICE,
    IDENTITY,
    ON_SERVICE,
    VALUE_COUNT,
    VALUE_PERCENT,
    Alert,
    Rule,
    Severity,
    Team,
    label,
)

_SERVICE = label("service_name")
_WHERE = label("deployment_environment_name")
_LINK = {"service": "service_name", "environment": "deployment_environment_name"}
_VERSIONS = f"group by ({', '.join(IDENTITY)}, service_version)"
_INFO = 'target_info{job="services"}'


def skew(profile: Profile) -> list[Rule]:
    """A ticket on two versions at once."""
    return [
        Alert(
            name="VersionSkew",
            expr=f"count {BY_SERVICE} ({_VERSIONS} ({_INFO})) > 1",
            hold=profile.version_overlap,
            severity=Severity.WARNING,
            team=Team.SERVICES,
            summary=f"{_SERVICE} runs in {VALUE_COUNT} versions at once",
            description=(
                f"The replicas of {_SERVICE} ({_WHERE}) have run in {VALUE_COUNT} versions for at"
                f" least {profile.version_overlap}: a deploy has stopped halfway, and customers get"
                " now one behaviour, now the other."
            ),
            dashboard="service-detail",
            variables=_LINK,
        )
    ]


def burn(profile: Profile) -> list[Rule]:
    """A page on a budget that burns since a deploy."""
    before = f"last_over_time({_INFO}[5m] offset {profile.deploy_memory})"
    return [
        Alert(
            name="BadDeploy",
            expr=f"""\
max {BY_SERVICE} (slo:page:ratio{{slo=~"availability|latency"}})
and {ON_SERVICE}
(
  {_VERSIONS} ({_INFO})
  unless on ({", ".join(IDENTITY)}, service_version)
  {_VERSIONS} ({before})
)
and {ON_SERVICE}
{_VERSIONS} ({before})""",
            hold=profile.page_hold,
            keep=profile.page_keep,
            severity=Severity.CRITICAL,
            team=Team.SERVICES,
            summary=f"Since a deploy {_SERVICE} fails {VALUE_PERCENT} of its requests, or is slow",
            description=(
                f"{VALUE_PERCENT} of the requests to {_SERVICE} ({_WHERE}) fail or take too long,"
                f" and a version that was not there {profile.deploy_memory} ago now runs: go back"
                " to the one before, then look for the reason."
            ),
            dashboard="service-detail",
            variables=_LINK,
        )
    ]
