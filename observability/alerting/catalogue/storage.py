"""Alerts on caches, databases and disks."""

from __future__ import annotations

from observability.alerting.catalogue.services import EXCUSED
from observability.alerting.profiles import Profile
from observability.alerting.spec import (
    IDENTITY,
    VALUE_DURATION,
    VALUE_PERCENT,
    Alert,
    Record,
    Rule,
    Severity,
    Team,
    human_seconds,
    label,
)

_IDS = ", ".join(IDENTITY)
_SERVICE = label("service_name")
_WHERE = label("deployment_environment_name")
_LINK = {"service": "service_name", "environment": "deployment_environment_name"}
_SLOW_SECONDS = 0.25
_FREE = "system_filesystem_free_bytes"
_SIZE = "system_filesystem_size_bytes"
_DISK = "by (deployment_environment_name, device)"


def rules(profile: Profile) -> list[Rule]:
    """The rules of this group, tuned by `profile`."""
    look_ups = f"cache_requests_total[{profile.window}]"
    found = f'cache_requests_total{{result=~"hit|stale"}}[{profile.window}]'
    return [
        Record(
            "cache:found:ratio",
            f"sum by ({_IDS}, cache) (rate({found})) / sum by ({_IDS}, cache) (rate({look_ups}))",
        ),
        _collapse(profile, look_ups),
        _redis_down(profile),
        _pool_exhausted(profile),
        _slow_queries(profile),
        _disk(profile),
    ]


def _collapse(profile: Profile, look_ups: str) -> Alert:
    usual = (
        f"quantile_over_time(0.5, cache:found:ratio[{profile.baseline}]"
        f" offset {profile.baseline_offset})"
    )
    return Alert(
        name="CacheHitRateCollapse",
        expr=f"""\
(cache:found:ratio < 0.25 * ({usual} > 0.2))
and
sum by ({_IDS}, cache) (increase({look_ups})) >= {profile.requests_at_least}
unless {EXCUSED}""",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"Cache {label('cache')} of {_SERVICE} finds only {VALUE_PERCENT}",
        description=(
            f"{VALUE_PERCENT} of the look-ups in {label('cache')} ({_SERVICE}, {_WHERE}) find"
            f" something, less than a quarter of what was usual in the last {profile.baseline}:"
            " what is behind the cache bears the rest."
        ),
        dashboard="caches-databases",
        variables=_LINK,
    )


def _redis_down(profile: Profile) -> Alert:
    return Alert(
        name="RedisDown",
        expr="cache_shared_available == 0",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.PLATFORM,
        summary=f"{label('instance')} cannot reach the shared cache",
        description=(
            f"Redis has not answered {label('instance')} ({_WHERE}) for at least"
            f" {profile.hold_for}: each replica caches by itself, and the databases do the rest."
        ),
        dashboard="caches-databases",
        variables=_LINK,
    )


def _pool_exhausted(profile: Profile) -> Alert:
    by = f"by ({_IDS}, instance, db_namespace)"
    return Alert(
        name="DatabasePoolExhausted",
        expr=f"""\
sum {by} (db_client_connection_count{{state="used"}})
/
sum {by} (db_client_connection_max)
>= 0.9""",
        hold=profile.hold_for,
        severity=Severity.CRITICAL,
        team=Team.SERVICES,
        summary=(
            f"{label('instance')} uses {VALUE_PERCENT} of its connections to"
            f" database {label('db_namespace')}"
        ),
        description=(
            f"{VALUE_PERCENT} of the connections that {label('instance')} ({_WHERE}) may open to"
            f" {label('db_namespace')} have been in use for at least {profile.hold_for}: requests"
            " wait for one, then fail with 503."
        ),
        dashboard="caches-databases",
        variables=_LINK,
    )


def _slow_queries(profile: Profile) -> Alert:
    matchers = 'db_operation_name=~"SELECT|INSERT|UPDATE|DELETE|BEGIN|COMMIT"'
    metric = "db_client_operation_duration_seconds"
    # Each kind apart: a BEGIN that waits for a lock is not seen among what is quick behind it.
    kind = f"{_IDS}, db_namespace, db_operation_name"
    window = profile.window
    buckets = f"rate({metric}_bucket{{{matchers}}}[{window}])"
    return Alert(
        name="SlowQueries",
        expr=f"""\
max by ({_IDS}, db_namespace) (
  histogram_quantile(0.95, sum by (le, {kind}) ({buckets}))
  and
  sum by ({kind}) (increase({metric}_count{{{matchers}}}[{window}])) >= {profile.requests_at_least}
) > {_SLOW_SECONDS:g}""",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"Database {label('db_namespace')} is slow: 95th percentile {VALUE_DURATION}",
        description=(
            f"Of the slowest kind of statement of {_SERVICE} ({_WHERE}) one in twenty takes"
            f" {VALUE_DURATION} or longer; the limit is {human_seconds(_SLOW_SECONDS)}."
            " A lock, a statement without an index, or a slow disk."
        ),
        dashboard="caches-databases",
        about_time=True,
        variables=_LINK,
    )


def _disk(profile: Profile) -> Alert:
    # A pace is one only once it has been watched for the whole window.
    ahead, window = profile.disk_ahead_seconds, profile.disk_window
    pace = f"predict_linear({_FREE}[{window}], {ahead}) and {_FREE} offset {window}"
    return Alert(
        name="DiskFillingUp",
        expr=f"""\
min {_DISK} ({_FREE} / {_SIZE})
and
(
  min {_DISK} ({_FREE} / {_SIZE}) < 0.05
  or
  (
    min {_DISK} ({pace}) < 0
    and
    min {_DISK} ({_FREE} / {_SIZE}) < 0.4
  )
)""",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.PLATFORM,
        summary=f"A disk is filling up: {VALUE_PERCENT} free",
        description=(
            f"{VALUE_PERCENT} of the disk that holds the services' data ({_WHERE}, device"
            f" {label('device')}) is free; at the pace of the last {window} it is full"
            f" within {human_seconds(ahead)}, or there is less than 5% left. Then databases,"
            " queues and the audit trail can no longer be written."
        ),
        dashboard="stack",
        labels={"service_name": "host", "service_namespace": "belfry"},
    )
