"""Alerts on what runs: replicas, services, whole tiers, and what they need."""

from __future__ import annotations

from observability.alerting.profiles import Profile
from observability.alerting.spec import (
    BY_SERVICE,
    IDENTITY,
    ON_SERVICE,
    PLACE,
    VALUE_COUNT,
    VALUE_DURATION,
    Alert,
    Record,
    Rule,
    Severity,
    Team,
    label,
)

_REPLICAS = 'up{job="services"}'
_STARTED = 'process_start_time_seconds{job="services"}'
_PLACE = ", ".join(PLACE)
_SERVICE = label("service_name")
_LINK = {"service": "service_name", "environment": "deployment_environment_name"}
_ONE = {**_LINK, "instance": "instance"}
#: While Prometheus itself is young, a target that does not answer may just be starting.
STARTING = "unless on (deployment_environment_name) prometheus:starting:bool == 1"
_UPSTREAM = ", ".join((*IDENTITY, "server_address"))
_CALLS = "http_client_request_duration_seconds_count"
#: At least two, and half of all there are.
_HALF_IS_DOWN = (
    f"count by ({_PLACE}) (service:down:bool == 1) >= 2"
    f" and avg by ({_PLACE}) (service:down:bool) >= 0.5"
)
#: While it is away itself or calls one that is, what a service does badly is no news.
EXCUSED = f"{ON_SERVICE} service:excused:bool"


def rules(profile: Profile) -> list[Rule]:
    """What is up and what is not: paging rules."""
    return [
        *_figures(profile),
        _tier_down(profile),
        _service_down(profile),
        _replica_down(profile),
        _crash_loop(profile),
    ]


def health(profile: Profile) -> list[Rule]:
    """Services that run, but not well: tickets."""
    return [
        Record(
            "dependency:latency:p95",
            f"histogram_quantile(0.95, sum by (le, {_UPSTREAM})"
            f" (rate(http_client_request_duration_seconds_bucket[{profile.window}]))) > 0",
        ),
        _not_ready(profile),
        _flapping(profile),
        _dependency_slow(profile),
    ]


def _figures(profile: Profile) -> list[Record]:
    memory = profile.memory_of_targets
    return [
        # The second half notices a service that is no longer even a target, which leaves no `up`
        # to be 0; it is forgotten after a while, so removing one for good is possible. When every
        # target is gone, that is an alert of its own.
        Record(
            "service:down:bool",
            f"""\
1 - max {BY_SERVICE} ({_REPLICAS})
or
(
  1 + 0 * max {BY_SERVICE} (last_over_time({_REPLICAS}[{memory}]))
  and on (deployment_environment_name)
  {_REPLICAS}
)""",
        ),
        Record(
            "prometheus:starting:bool",
            "time() - max by (deployment_environment_name)"
            ' (process_start_time_seconds{job="backends",service_name="prometheus"})'
            f" < bool {profile.warm_up_seconds}",
        ),
        Record("service:away:bool", _away(profile)),
        Record(
            "service:calls:info", f"group by ({_UPSTREAM}) (last_over_time({_CALLS}[{memory}]))"
        ),
        Record(
            "service:excused:bool",
            f"""\
service:away:bool
or
max {BY_SERVICE} (
  service:calls:info
  * on (server_address, {_PLACE}) group_left ()
  label_replace(service:away:bool, "server_address", "$1", "service_name", "(.+)")
)""",
        ),
    ]


def _away(profile: Profile) -> str:
    """Services that are down or, where windows are short, were so or began a moment ago.

    With windows of seconds the failures of an ordinary restart would page.
    """
    if profile.settle_seconds is None:
        return "service:down:bool == 1"
    seconds = profile.settle_seconds
    young = f"time() - max {BY_SERVICE} ({_STARTED}) < bool {seconds}"
    return f"max_over_time(service:down:bool[{seconds}s]) == 1\nor\n({young}) == 1"


def _tier_down(profile: Profile) -> Alert:
    return Alert(
        name="TierDown",
        expr=f"{_HALF_IS_DOWN}\n{STARTING}",
        hold=profile.down_for,
        # the last of its services to be back shall not call by itself
        keep=profile.page_keep,
        severity=Severity.CRITICAL,
        team=Team.PLATFORM,
        summary=f"{VALUE_COUNT} services of {label('service_namespace')} are down at once",
        description=(
            f"{VALUE_COUNT} services, half of {label('service_namespace')}"
            f" ({label('deployment_environment_name')}) or more, have not answered for at least"
            f" {profile.down_for}: look for what they share, a machine, a network, a database."
            " Their own alerts are held back."
        ),
        dashboard="shop-overview",
        variables={"environment": "deployment_environment_name"},
        labels={"service_name": label("service_namespace")},
    )


def _service_down(profile: Profile) -> Alert:
    # The first of a tier that falls is missed seconds before half of it is: without a pause its
    # alert would ring before the tier's, which then holds it back. One that rings already goes on.
    return Alert(
        name="ServiceDown",
        expr=f"""\
(
  service:down:bool == 1
  unless on ({_PLACE}) ({_HALF_IS_DOWN})
  or
  service:down:bool * min_over_time(service:down:bool[{profile.replica_down_for}]) == 1
)
{STARTING}""",
        hold=profile.down_for,
        severity=Severity.CRITICAL,
        team=Team.SERVICES,
        summary=f"{_SERVICE} is down",
        description=(
            f"No replica of {_SERVICE} ({label('deployment_environment_name')}) has"
            f" answered a scrape for at least {profile.down_for}: whatever needs it fails."
        ),
        dashboard="service-detail",
        variables=_LINK,
    )


def _replica_down(profile: Profile) -> Alert:
    return Alert(
        name="ReplicaDown",
        expr=f"""\
{_REPLICAS} == 0
and {ON_SERVICE}
max {BY_SERVICE} ({_REPLICAS}) == 1
{STARTING}""",
        hold=profile.replica_down_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"A replica of {_SERVICE} is down: {label('instance')}",
        description=(
            f"{label('instance')} has not answered a scrape for at least"
            f" {profile.replica_down_for}. The other replicas of {_SERVICE} carry its share."
        ),
        dashboard="service-detail",
        variables=_ONE,
    )


def _crash_loop(profile: Profile) -> Alert:
    window = profile.restart_window
    return Alert(
        name="CrashLoop",
        expr=f"changes({_STARTED}[{window}]) >= {profile.restarts}",
        hold=None,
        severity=Severity.CRITICAL,
        team=Team.SERVICES,
        summary=f"{label('instance')} restarts again and again: {VALUE_COUNT} times in {window}",
        description=(
            f"{label('instance')} ({label('deployment_environment_name')}) has started"
            f" {VALUE_COUNT} times within {window}: it dies soon after each start, and requests"
            " in between fail."
        ),
        dashboard="service-detail",
        variables=_ONE,
    )


def _not_ready(profile: Profile) -> Alert:
    return Alert(
        name="NotReady",
        expr="service_ready == 0",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"{label('instance')} runs but is not ready: {label('check')}",
        description=(
            f"The check {label('check')} of {label('instance')}"
            f" ({label('deployment_environment_name')}) has failed for at least"
            f" {profile.hold_for}: it answers, and cannot do its work."
        ),
        dashboard="service-detail",
        variables=_ONE,
    )


def _flapping(profile: Profile) -> Alert:
    window = profile.restart_window
    return Alert(
        name="ReadinessFlapping",
        expr=f"changes(service_ready[{window}]) >= 4",
        hold=None,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"{label('instance')} is ready and unready by turns: {label('check')}",
        description=(
            f"The check {label('check')} of {label('instance')}"
            f" ({label('deployment_environment_name')}) has changed its answer {VALUE_COUNT} times"
            f" within {window}: what it needs is at its limit, and traffic comes and goes with it."
        ),
        dashboard="service-detail",
        variables=_ONE,
    )


def _dependency_slow(profile: Profile) -> Alert:
    usual = (
        "quantile_over_time(0.5, dependency:latency:p95"
        f"[{profile.baseline}] offset {profile.baseline_offset})"
    )
    calls = f"{_CALLS}[{profile.window}]"
    return Alert(
        name="DependencySlow",
        expr=f"""\
(dependency:latency:p95 > 3 * {usual})
and
dependency:latency:p95 > 0.25
and
sum by ({_UPSTREAM}) (increase({calls})) >= {profile.requests_at_least}
unless {EXCUSED}""",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=(
            f"{label('server_address')} answers {_SERVICE} slowly: 95th percentile {VALUE_DURATION}"
        ),
        description=(
            f"One call in twenty of {_SERVICE} to {label('server_address')}"
            f" ({label('deployment_environment_name')}) takes {VALUE_DURATION} or longer, over"
            f" three times what was usual in the last {profile.baseline}:"
            f" {_SERVICE} waits, and its callers wait with it."
        ),
        dashboard="request-flow",
        about_time=True,
        variables={"environment": "deployment_environment_name"},
    )
