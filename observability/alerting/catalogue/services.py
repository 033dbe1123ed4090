"""Alerts on any service that is scraped: the shop's, or one of a user's own."""

from observability.alerting.spec import (
    IDENTITY,
    VALUE_DURATION,
    VALUE_PERCENT,
    Alert,
    Profile,
    Severity,
    Team,
    human_seconds,
    label,
)

_BY = f"by ({', '.join(IDENTITY)})"
_REPLICAS = 'up{job="services"}'
_DURATION = "http_server_request_duration_seconds"
# Event streams stay open by design: their duration says nothing about speed.
_ENDING = 'http_route!~".*/stream"'
_DASHBOARD = "service-detail"
_VARIABLES = {"service": "service_name", "environment": "deployment_environment_name"}


def alerts(profile: Profile) -> list[Alert]:
    """The alerts of this group, tuned by `profile`."""
    return [
        _service_down(profile),
        _replica_down(profile),
        _high_error_rate(profile),
        _high_latency(profile),
    ]


def _service_down(profile: Profile) -> Alert:
    # The second half notices a service that is no longer even a target, which leaves no
    # `up` to be 0; it is forgotten after a while, so removing one for good is possible.
    return Alert(
        name="ServiceDown",
        expr=f"""\
max {_BY} ({_REPLICAS}) == 0
or
(
  0 * max {_BY} (last_over_time({_REPLICAS}[{profile.memory_of_targets}]))
  unless
  max {_BY} ({_REPLICAS})
)""",
        hold=profile.down_for,
        severity=Severity.CRITICAL,
        team=Team.SERVICES,
        summary=f"{label('service_name')} is down",
        description=(
            f"No replica of {label('service_name')} ({label('deployment_environment_name')}) has"
            f" answered a scrape for at least {profile.down_for}: whatever needs it fails."
        ),
        dashboard=_DASHBOARD,
        variables=_VARIABLES,
    )


def _replica_down(profile: Profile) -> Alert:
    return Alert(
        name="ReplicaDown",
        expr=f"""\
{_REPLICAS} == 0
and on ({", ".join(IDENTITY)})
max {_BY} ({_REPLICAS}) == 1""",
        hold=profile.down_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"A replica of {label('service_name')} is down: {label('instance')}",
        description=(
            f"{label('instance')} has not answered a scrape for at least {profile.down_for}."
            f" The other replicas of {label('service_name')} carry its share."
        ),
        dashboard=_DASHBOARD,
        variables={**_VARIABLES, "instance": "instance"},
    )


def _high_error_rate(profile: Profile) -> Alert:
    window = profile.window
    failed = f'{_DURATION}_count{{http_response_status_code=~"5.."}}[{window}]'
    return Alert(
        name="HighErrorRate",
        expr=f"""\
(
  sum {_BY} (rate({failed}))
  /
  sum {_BY} (rate({_DURATION}_count[{window}]))
) > {profile.error_ratio:g}
and
sum {_BY} (increase({failed})) >= {profile.failures_at_least}""",
        hold=profile.hold_for,
        severity=Severity.CRITICAL,
        team=Team.SERVICES,
        summary=f"{label('service_name')} fails {VALUE_PERCENT} of its requests",
        description=(
            f"{VALUE_PERCENT} of the requests to {label('service_name')} over the last {window}"
            f" ended in a 5xx; the limit is {profile.error_ratio * 100:g}%."
            + _worst_route(f"{_DURATION}_count", "http_response_status_code=~`5..`", window)
        ),
        dashboard=_DASHBOARD,
        variables=_VARIABLES,
    )


def _high_latency(profile: Profile) -> Alert:
    window, limit = profile.window, profile.latency_seconds
    return Alert(
        name="HighLatency",
        expr=f"""\
histogram_quantile(0.95,
  sum by (le, {", ".join(IDENTITY)}) (rate({_DURATION}_bucket{{{_ENDING}}}[{window}]))
) > {limit:g}
and
sum {_BY} (increase({_DURATION}_count{{{_ENDING}}}[{window}])) >= {profile.requests_at_least}""",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=f"{label('service_name')} is slow: 95th percentile {VALUE_DURATION}",
        description=(
            f"One request in twenty to {label('service_name')} took {VALUE_DURATION} or longer over"
            f" the last {window}; the limit is {human_seconds(limit)}."
            + _worst_route(f"{_DURATION}_sum", "http_route!~`.*/stream`", window)
        ),
        dashboard=_DASHBOARD,
        variables=_VARIABLES,
    )


def _worst_route(metric: str, matcher: str, window: str) -> str:
    """A sentence naming the service's route whose `metric` rises fastest, asked when it fires."""
    matchers = ",".join([*(f"{name}=`%s`" for name in IDENTITY), matcher])
    figure = f"sum by (http_request_method, http_route) (rate({metric}{{{matchers}}}[{window}]))"
    query = f"topk(1, {figure})".replace("`", "'")
    values = " ".join(f"$labels.{name}" for name in IDENTITY)
    return (
        f'{{{{ with query (printf "{query}" {values}) }}}} Worst route:'
        " {{ . | first | label `http_request_method` }} {{ . | first | label `http_route` }}."
        "{{ end }}"
    )
