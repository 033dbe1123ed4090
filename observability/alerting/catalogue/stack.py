"""Alerts on the observability stack itself: who watches, must be watched."""

from __future__ import annotations

from observability.alerting.catalogue.services import STARTING
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
    human_seconds,
    label,
)

_IDS = ", ".join(IDENTITY)
_SERVICE = label("service_name")
_WHERE = label("deployment_environment_name")
_ENVIRONMENT = "by (deployment_environment_name)"


def reach(profile: Profile) -> list[Rule]:
    """What makes every other alert blind or mute: paging rules."""
    return [_backend_down(profile), _no_targets(profile), _notifications(profile), _watchdog()]


def flow(profile: Profile) -> list[Rule]:
    """Signals that are lost or late."""
    return [
        _scrape_failing(profile),
        _dropped(profile),
        _queue_filling(profile),
        _not_ingesting(
            profile,
            name="LokiNotIngesting",
            store="loki",
            what="log lines",
            stored=f"loki_distributor_lines_received_total[{profile.window}]",
            offered=(
                "otelcol_receiver_accepted_log_records_total"
                f'{{service_name="collector"}}[{profile.window}]'
            ),
        ),
        _not_ingesting(
            profile,
            name="JaegerNotIngesting",
            store="jaeger",
            what="spans",
            stored=(
                f'otelcol_receiver_accepted_spans_total{{service_name="jaeger"}}[{profile.window}]'
            ),
            offered=(
                "otelcol_receiver_accepted_spans_total"
                f'{{service_name="collector"}}[{profile.window}]'
            ),
        ),
        _rules_fail(profile),
    ]


def _backend_down(profile: Profile) -> Alert:
    return Alert(
        name="BackendDown",
        expr=f"""\
(
  up{{job="backends"}} == 0
  or
  0 * last_over_time(up{{job="backends"}}[{profile.memory_of_targets}])
  unless on ({_IDS}, instance)
  up{{job="backends"}} == 1
)
{STARTING}""",
        hold=profile.down_for,
        severity=Severity.CRITICAL,
        team=Team.PLATFORM,
        summary=f"{_SERVICE} of the observability stack is down",
        description=(
            f"{label('instance')} has not answered a scrape for at least {profile.down_for}:"
            " customers are not hurt, but what it would show or store is missing until it returns."
        ),
        dashboard="stack",
    )


def _no_targets(profile: Profile) -> Alert:
    return Alert(
        name="NoTargets",
        expr=f"""\
(
  max {_ENVIRONMENT} (up{{job="backends",service_name="prometheus"}})
  unless on (deployment_environment_name)
  up{{job="services"}}
)
{STARTING}
or on ()
absent(up)""",
        hold=profile.down_for,
        severity=Severity.CRITICAL,
        team=Team.PLATFORM,
        summary="Prometheus has not a single service to watch",
        description=(
            f"For at least {profile.down_for} Prometheus has found no target of the job services:"
            " every alert on services is blind. The folder of targets is empty, or the service"
            " registry does not answer."
        ),
        dashboard="stack",
        labels={"service_name": "prometheus", "service_namespace": "belfry"},
    )


def _notifications(profile: Profile) -> Alert:
    failed = f"alertmanager_notifications_failed_total[{profile.window}]"
    lost = f"prometheus_notifications_dropped_total[{profile.window}]"
    return Alert(
        name="NotificationFailures",
        expr=f"""\
sum by ({_IDS}, integration) (increase({failed})) > 0
or
sum {BY_SERVICE} (increase({lost})) > 0""",
        hold=None,
        severity=Severity.CRITICAL,
        team=Team.PLATFORM,
        summary=f"{VALUE_COUNT} notifications could not be delivered",
        description=(
            f"{_SERVICE} ({_WHERE}) failed to hand on {VALUE_COUNT} notifications within"
            f" {profile.window}"
            "{{ with $labels.integration }} ({{ . }}){{ end }}: people may not learn of what rings."
        ),
        dashboard="stack",
    )


def _watchdog() -> Alert:
    return Alert(
        name="Watchdog",
        expr="vector(1)",
        hold=None,
        severity=Severity.NONE,
        team=Team.PLATFORM,
        summary="Alerting works",
        description=(
            "Always fires. While it arrives, the path from rule to receiver is whole;"
            " when it stops arriving, no other alert can be trusted to arrive."
        ),
        dashboard="stack",
        labels={"service_name": "prometheus", "service_namespace": "belfry"},
    )


def _scrape_failing(profile: Profile) -> Alert:
    served = f'traces_span_metrics_calls_total{{span_kind="SPAN_KIND_SERVER"}}[{profile.window}]'
    return Alert(
        name="ScrapeFailing",
        expr=f"""\
up{{job="services"}} == 0
and {ON_SERVICE}
service:down:bool == 1
and {ON_SERVICE}
sum {BY_SERVICE} (rate({served})) > 0""",
        # its last spans are counted for one window after a service has really gone
        hold=profile.memory_of_targets,
        severity=Severity.WARNING,
        team=Team.PLATFORM,
        summary=f"{label('instance')} serves requests but cannot be scraped",
        description=(
            f"Spans of {_SERVICE} ({_WHERE}) arrive, and for at least {profile.memory_of_targets}"
            f" the metrics of {label('instance')} have not: its alerts are blind. Too many series,"
            " a page that takes too long, or an address that Prometheus cannot reach."
        ),
        dashboard="stack",
    )


def _dropped(profile: Profile) -> Alert:
    return Alert(
        name="TelemetryDropped",
        expr="\nor\n".join(_losses(profile.window)),
        hold=None,
        severity=Severity.WARNING,
        team=Team.PLATFORM,
        summary=f"{_SERVICE} lost {VALUE_COUNT} {label('signal')}: {label('reason')}",
        description=(
            f"Within {profile.window}, {_SERVICE} ({_WHERE}) gave up {VALUE_COUNT} items of its"
            f" {label('signal')} ({label('reason')}): they are gone, and searches will miss them."
        ),
        dashboard="stack",
    )


def _losses(window: str) -> list[str]:
    """What each stage between a service and its store gives up."""
    by = f"sum by ({_IDS}, signal, reason)"
    refused = _labelled(_rise("loki_discarded_samples_total", window), signal="logs")
    full = [
        _labelled(
            _rise(f"otelcol_exporter_enqueue_failed_{items}_total", window),
            signal=signal,
            reason="queue_full",
        )
        for items, signal in (("log_records", "logs"), ("spans", "traces"))
    ]
    return [
        f"{by} (increase(telemetry_dropped_total[{window}])) > 0",
        *(f"{by} ({rise}) > 0\n{STARTING}" for rise in (refused, *full)),
    ]


def _rise(counter: str, window: str) -> str:
    """How much a counter rose that is not there before its first event."""
    return f"({counter} unless {counter} offset {window}) or increase({counter}[{window}])"


def _labelled(vector: str, **labels: str) -> str:
    """A vector with further labels, the same on each series."""
    for name, value in labels.items():
        vector = f'label_replace({vector}, "{name}", "{value}", "", "")'
    return vector


def _queue_filling(profile: Profile) -> Alert:
    size, most = "otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity"
    ahead = profile.disk_ahead_seconds
    return Alert(
        name="CollectorQueueFilling",
        expr=f"""\
max by ({_IDS}, exporter) ({size} / {most})
and
(
  max by ({_IDS}, exporter) ({size} / {most}) > 0.5
  or
  max by ({_IDS}, exporter) (predict_linear({size}[{profile.window}], {ahead}) - {most}) > 0
)""",
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.PLATFORM,
        summary=f"The Collector's queue for {label('exporter')} fills: {VALUE_PERCENT}",
        description=(
            f"{VALUE_PERCENT} of the queue on disk for {label('exporter')} ({_WHERE}) is used, and"
            f" it is over half full, or will be full within {human_seconds(ahead)} at this pace."
            " When it is full, the Collector refuses what comes, and services drop it."
        ),
        dashboard="stack",
    )


def _not_ingesting(  # noqa: PLR0913 - each is a part of the sentence
    profile: Profile, *, name: str, store: str, what: str, stored: str, offered: str
) -> Alert:
    return Alert(
        name=name,
        expr=f"""\
sum {_ENVIRONMENT} (rate({offered})) > 0.5
unless
sum {_ENVIRONMENT} (rate({stored})) > 0
and on (deployment_environment_name)
min_over_time(up{{job="backends",service_name="{store}"}}[{profile.window}]) == 1""",
        hold=profile.hold_for,
        severity=Severity.CRITICAL,
        team=Team.PLATFORM,
        summary=f"{store.capitalize()} takes in no {what}",
        description=(
            f"The Collector ({_WHERE}) is given"
            ' {{ $value | printf "%.1f" }}'
            f" {what} a second, and {store.capitalize()} has stored none of them for"
            f" {profile.window}: they wait in the Collector's queue on disk, and cannot be found."
        ),
        dashboard="stack",
        labels={"service_name": store, "service_namespace": "belfry"},
    )


def _rules_fail(profile: Profile) -> Alert:
    prometheus = f"prometheus_rule_evaluation_failures_total[{profile.restart_window}]"
    loki = f"loki_prometheus_rule_evaluation_failures_total[{profile.restart_window}]"
    return Alert(
        name="RuleFailures",
        expr=f"""\
sum by ({_IDS}, rule_group) (increase({prometheus})) > 0
or
sum by ({_IDS}, rule_group) (increase({loki})) > 0""",
        hold=None,
        severity=Severity.WARNING,
        team=Team.PLATFORM,
        summary=f"Rules of {_SERVICE} fail: {VALUE_COUNT} evaluations",
        description=(
            f"{VALUE_COUNT} evaluations of the group {label('rule_group')} failed within"
            f" {profile.restart_window} ({_SERVICE}, {_WHERE}): the alerts in it cannot ring."
        ),
        dashboard="stack",
    )
