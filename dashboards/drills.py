"""What is broken on purpose, what it does, and whether somebody learns of it."""

from dashboards.kit.board import Dashboard, Row
from dashboards.kit.links import to_logs
from dashboards.kit.model import Look, Meaning
from dashboards.kit.panels import logs, stat, timeseries, value_names
from dashboards.kit.promql import ENVIRONMENT, SERVICE, rate, series, total
from dashboards.kit.queries import Loki, Prom
from dashboards.kit.style import COUNT, SECONDS, above
from dashboards.kit.tables import Column, Lines, table
from dashboards.kit.variables import ENVIRONMENT as ENVIRONMENT_VARIABLE
from dashboards.kit.variables import INTERVAL, SERVICES
from dashboards.shared import (
    FIRING,
    FIRING_HERE,
    HERE,
    LINKS,
    STACK,
    counted,
    failures_by_service,
    latency_by_service,
    service_links,
)

#: Seconds from a fault to the page about it: what is promised of the demo profile.
_PAGED_WITHIN = 15
_NO_FAULT = "no fault is set."
_NO_DRILL = "no drill was played in the time shown."
_NO_PAGE = "no drill with a paging alert was played in the time shown."
_FAULT = series("service_fault_value", *HERE)
_SET = f"max by (service_name, fault) ({_FAULT} > 0)"
#: Over whole intervals: what lasted for less than one is not to fall between two points.
_WAS_SET = f"max by (service_name, fault) (max_over_time({_FAULT}[$__interval]) > bool 0) == 1"
_RANG = f"max_over_time({FIRING_HERE}[$__interval])"
_REPLICAS = series("up", 'job="services"', *HERE)
_DRILLS = f'{{service_name="belfry", log_stream="app", {ENVIRONMENT}}}'
_ALERTS = f"{_DRILLS} |= `drill_alert`"
_FINISHED = f"{_DRILLS} |= `drill_finished`"
_WRONG = (
    f'{{service_name="belfry", level="warning", {ENVIRONMENT}}} |~ `drill_(finished|false_alarm)`'
)
_PAGES = f'{_ALERTS} | alert_severity=~"critical|page" | unwrap received_seconds'
_PLAYED = ("drill", "alert", "began")


def _count(lines: str) -> Loki:
    """How many lines there are in the time shown; 0 where there are none."""
    return Loki(f"sum(count_over_time({lines} [$__range])) or vector(0)", instant=True)


def _of_each(figure: str) -> Loki:
    """A figure of every alert of every drill that was played in the time shown."""
    by = ", ".join(_PLAYED)
    return Loki(f"max_over_time({_ALERTS} | unwrap {figure} [$__range]) by ({by})", instant=True)


_NOW = Row(
    "Now, and in the time shown",
    [
        stat(
            "Faults set",
            Prom(f"count({_SET}) or vector(0)"),
            says=Meaning(
                "0, but while somebody plays a drill.",
                "Nobody does? `belfry fault clear`; *Who did it* names who forgot.",
            ),
            look=Look(steps=above(1), decimals=0),
        ),
        stat(
            "Alerts firing",
            Prom(f"count({FIRING}) or vector(0)"),
            says=Meaning(
                "0, or those that the fault is meant to ring.",
                "Each has its page in docs/runbooks.",
            ),
            look=Look(steps=above(1), decimals=0),
        ),
        stat(
            "Drills played",
            _count(_FINISHED),
            says=Meaning("Any number.", "`belfry drill --list` says what there is to play."),
            look=Look(decimals=0),
        ),
        stat(
            "Failed, false alarms",
            _count(_WRONG),
            says=Meaning("0.", "*Drills* below says why: an alert did not ring as it must."),
            look=Look(steps=above(1), decimals=0),
        ),
        stat(
            "Fault to page, p95",
            Loki(f"quantile_over_time(0.95, {_PAGES} [$__range]) by ()", instant=True),
            says=Meaning(
                f"Below {_PAGED_WITHIN} s.",
                "Between firing and received: grouping and the inbox. Before: scrapes and rules.",
                quiet=_NO_PAGE,
            ),
            look=Look(unit=SECONDS, steps=above(_PAGED_WITHIN, 60), decimals=1),
        ),
        stat(
            "Notifications",
            counted("inbox_notifications_total", ENVIRONMENT),
            says=Meaning("0, or two an alert: its begin and its end.", "Read them in the inbox."),
            look=Look(decimals=0),
        ),
    ],
)

_CAUSE = Row(
    "What is broken on purpose, and what rings",
    [
        timeseries(
            "Faults set over time",
            Prom(_WAS_SET, "{{service_name}} {{fault}}"),
            says=Meaning(
                "Nothing, or a block as long as a drill.",
                "A block without an end was forgotten: `belfry fault clear`.",
                quiet=_NO_FAULT,
            ),
            look=Look(decimals=0, links=LINKS),
            style="bars",
        ),
        timeseries(
            "Alerts firing over time",
            Prom(
                total(_RANG, "alertname", "service_name", using="count"),
                "{{alertname}} {{service_name}}",
            ),
            says=Meaning(
                "Begins seconds after a fault, ends soon after it.",
                "A fault and nothing here: nobody would have learned of it.",
                quiet="no alert fires.",
            ),
            look=Look(decimals=0, links=LINKS),
            style="bars",
        ),
        table(
            "Faults set now",
            Column("Value", _SET, Look(unit=COUNT)),
            Column(
                "Replicas",
                f"count by (service_name, fault) ({_FAULT} > 0)",
                Look(decimals=0),
            ),
            lines=Lines(
                {"service_name": "Service", "fault": "Fault"}, service_links("${__value.text}")
            ),
            says=Meaning(
                "Nothing. A value is in the unit that ends the fault's name.",
                "`belfry fault clear`, if no drill is being played.",
                quiet=_NO_FAULT,
            ),
            size=(8, 8),
        ),
    ],
)

_DAMAGE = Row(
    "The damage",
    [
        failures_by_service(),
        latency_by_service(),
        timeseries(
            "Replicas that answer",
            Prom(total(_REPLICAS, "service_name"), "{{service_name}}"),
            says=Meaning(
                "Level.", "A dip is a drill that freezes or kills, or no drill: `belfry status`."
            ),
            look=Look(decimals=0, links=LINKS),
        ),
    ],
)

_OUTCOME = Row(
    "Drills: from fault to firing, to the inbox, to the end",
    [
        table(
            "Drills played, each with its alerts",
            Column(
                "Outcome",
                _of_each("held"),
                Look(mappings=value_names({"1": ("holds", "green"), "0": ("FAILED", "red")})),
                coloured=True,
            ),
            Column("Firing", _of_each("firing_seconds"), Look(unit=SECONDS, decimals=1)),
            Column(
                "Received",
                _of_each("received_seconds"),
                Look(unit=SECONDS, decimals=1),
            ),
            Column("Resolved", _of_each("resolved_seconds"), Look(unit=SECONDS, decimals=1)),
            lines=Lines(
                {"drill": "Drill", "alert": "Alert", "began": "Began (UTC)"},
                links=(to_logs("belfry", drill="${__value.text}"),),
                sort="Began (UTC)",
            ),
            says=Meaning(
                "All hold. Firing and received count from the fault, resolved from its repair.",
                "A drill leads to its log lines: they say what was missing.",
                quiet=_NO_DRILL,
            ),
            size=(24, 9),
        ),
        timeseries(
            "Drills by outcome",
            Loki(f"sum by (outcome) (count_over_time({_FINISHED} [$__interval]))", "{{outcome}}"),
            says=Meaning("ok.", "failed: the table says which.", quiet=_NO_DRILL),
            look=Look(decimals=0),
            style="bars",
        ),
        timeseries(
            "Fault to page, slowest",
            Loki(f"max_over_time({_PAGES} [$__interval]) by ()", "received"),
            says=Meaning(
                f"Below {_PAGED_WITHIN} s.",
                "Higher than usual: scrapes, rules or the Alertmanager are late; see the stack.",
                quiet=_NO_PAGE,
            ),
            look=Look(
                unit=SECONDS,
                steps=above(_PAGED_WITHIN, 60),
                links=(STACK,),
            ),
            style="bars",
        ),
        timeseries(
            "Notifications a minute, by status",
            Prom(
                f"60 * {total(rate('inbox_notifications_total', ENVIRONMENT), 'status')}",
                "{{status}}",
            ),
            says=Meaning(
                "As many resolved as firing, a little later.",
                "Firing alone: the cause is not repaired, or Alertmanager has lost its memory.",
            ),
            style="bars",
        ),
    ],
)

_LOG = Row(
    "Who did it, who noticed, who was told",
    [
        logs(
            "Who did it",
            Loki(
                f'{{log_stream="audit", {ENVIRONMENT}}}'
                ' | audit_action=~"drill_.*|fault_.*|scale|restart"'
            ),
            says=Meaning(
                "Each fault set and cleared, and each drill begun, by whom.",
                "A fault that nobody here has set: the flag file was changed by hand.",
                quiet="nobody broke anything on purpose.",
            ),
            size=(12, 10),
            fields=("audit_target", "audit_action", "audit_actor", "audit_detail"),
        ),
        logs(
            "Services that noticed a fault",
            Loki(f"{{{SERVICE}, {ENVIRONMENT}}} |= `faults_changed`"),
            says=Meaning(
                "A line of the service within a second of each change.",
                "None: it does not follow the flag file; look for flags_unreadable in its log.",
                quiet="no fault was set or cleared in the time shown.",
            ),
            size=(12, 10),
            fields=("service_name", "faults"),
        ),
        logs(
            "Drills",
            Loki(f"{_DRILLS} |= `drill_`"),
            says=Meaning(
                "A line for each alert that was expected, and one for each drill.",
                "A drill that failed says which alert, trace or log line was missing.",
                quiet=_NO_DRILL,
            ),
            size=(12, 10),
            fields=("drill", "outcome", "problems", "alarm", "alert", "received_seconds"),
        ),
        logs(
            "Notifications received",
            Loki(f'{{service_name="console", {ENVIRONMENT}}} |= `notification_received`'),
            says=Meaning(
                "Each alert's begin and end, once.",
                "The incident has its evidence and its runbook: `belfry alerts show ID`.",
                quiet="nothing rang in the time shown.",
            ),
            size=(12, 10),
            fields=("alert", "status", "about", "summary", "notification"),
        ),
    ],
)

DASHBOARD = Dashboard(
    uid="drills",
    title="Fault drills",
    description="What is broken on purpose, what does it do, and does somebody learn of it?",
    variables=(ENVIRONMENT_VARIABLE, SERVICES, INTERVAL),
    rows=(_NOW, _CAUSE, _DAMAGE, _OUTCOME, _LOG),
    span="1h",
)
