"""The stack watching itself: can what the other dashboards show be trusted?"""

from dashboards.kit.board import Dashboard, Row
from dashboards.kit.model import Look, Meaning
from dashboards.kit.panels import stat, timeseries, value_names
from dashboards.kit.promql import increase, or_zero, quantile, rate, series, total
from dashboards.kit.queries import Prom
from dashboards.kit.style import (
    BYTES,
    BYTES_PER_SECOND,
    CORES,
    EVENTS_PER_SECOND,
    RATIO,
    SECONDS,
    above,
    at_least,
    below,
)
from dashboards.kit.tables import Column, Lines, table
from dashboards.kit.variables import INTERVAL
from dashboards.shared import counted

_COLLECTOR = 'service_name="collector"'
_JAEGER = 'service_name="jaeger"'
_LINES_IN = "otelcol_receiver_accepted_log_records_total"
_FREE = "system_filesystem_free_bytes"
_SIZE = "system_filesystem_size_bytes"
_SENT = "otelcol_exporter_sent_"
_FAILED = "otelcol_exporter_send_failed_"
_FULL = "otelcol_exporter_enqueue_failed_"


def _failed_rules() -> Prom:
    """Those of Prometheus and of Loki together."""
    metrics = (
        "prometheus_rule_evaluation_failures_total",
        "loki_prometheus_rule_evaluation_failures_total",
    )
    sums = [f"({or_zero(total(increase(metric)))})" for metric in metrics]
    return Prom(" + ".join(sums), instant=True)


_NOW = Row(
    "Now",
    [
        stat(
            "Servers up",
            Prom('sum(up{job="backends"}) / count(up{job="backends"})'),
            says=Meaning("100 %.", "Runbook BackendDown; the table below names it."),
            look=Look(
                unit=RATIO,
                steps=at_least(1),
            ),
        ),
        stat(
            "Targets up",
            Prom("sum(up) / count(up)"),
            says=Meaning("100 %.", "`belfry status`; each target that is missing is a blind spot."),
            look=Look(
                unit=RATIO,
                steps=at_least(1),
            ),
        ),
        stat(
            "Telemetry dropped",
            Prom(or_zero(total(rate("telemetry_dropped_total")))),
            says=Meaning("0.", "*Dropped* below names service and reason."),
            look=Look(unit=EVENTS_PER_SECOND, steps=above(0.01, 1)),
        ),
        stat(
            "Notifications that failed",
            counted("alertmanager_notifications_failed_total"),
            says=Meaning("0.", "`belfry logs alertmanager` names the receiver and its answer."),
            look=Look(steps=above(1), decimals=0),
        ),
        stat(
            "Rules that failed",
            _failed_rules(),
            says=Meaning("0.", "`belfry logs prometheus` or `belfry logs loki` names the rule."),
            look=Look(steps=above(1), decimals=0),
        ),
        stat(
            "Series in memory",
            Prom("max(prometheus_tsdb_head_series)"),
            says=Meaning("Level.", "A climb: a label with ever new values; see *Samples by job*."),
            look=Look(steps=above(100_000, 300_000)),
        ),
    ],
)

_FLOW = Row(
    "Collector: what comes in, goes out, waits",
    [
        timeseries(
            "Accepted",
            Prom(total(rate("otelcol_receiver_accepted_spans_total", _COLLECTOR)), "spans"),
            Prom(total(rate(_LINES_IN, _COLLECTOR)), "log lines"),
            says=Meaning("Follows the requests.", "0: services cannot reach the Collector."),
            look=Look(unit=EVENTS_PER_SECOND),
            size=(6, 8),
        ),
        timeseries(
            "Delivered",
            Prom(total(rate(f"{_SENT}spans_total", _COLLECTOR), "exporter"), "{{exporter}}"),
            Prom(total(rate(f"{_SENT}log_records_total", _COLLECTOR), "exporter"), "{{exporter}}"),
            Prom(
                total(rate(f"{_SENT}metric_points_total", _COLLECTOR), "exporter"), "{{exporter}}"
            ),
            says=Meaning(
                "As much as is accepted.", "Less: Loki or Jaeger is down; the queue grows."
            ),
            look=Look(unit=EVENTS_PER_SECOND),
            size=(6, 8),
        ),
        timeseries(
            "Queues used",
            Prom(
                f"{total(series('otelcol_exporter_queue_size', _COLLECTOR), 'exporter')}"
                f" / {total(series('otelcol_exporter_queue_capacity', _COLLECTOR), 'exporter')}",
                "{{exporter}}",
            ),
            says=Meaning("Near 0.", "Filling: bring back what it sends to before it is full."),
            look=Look(unit=RATIO, steps=above(0.5, 0.8), maximum=1),
            size=(6, 8),
        ),
        timeseries(
            "Refused, or failed for good",
            Prom(total(rate("otelcol_receiver_refused_spans_total", _COLLECTOR)), "spans refused"),
            Prom(
                total(rate("otelcol_receiver_refused_log_records_total", _COLLECTOR)),
                "log lines refused",
            ),
            Prom(total(rate(f"{_FAILED}spans_total", _COLLECTOR)), "spans failed"),
            Prom(total(rate(f"{_FAILED}log_records_total", _COLLECTOR)), "log lines failed"),
            Prom(or_zero(total(rate(f"{_FULL}spans_total", _COLLECTOR))), "spans: queue full"),
            Prom(
                or_zero(total(rate(f"{_FULL}log_records_total", _COLLECTOR))),
                "log lines: queue full",
            ),
            Prom(or_zero(total(rate("loki_discarded_samples_total"))), "log lines: Loki discards"),
            says=Meaning(
                "0.", "Refused: memory limit. Queue full: lost. Failed, discards: the log says why."
            ),
            look=Look(unit=EVENTS_PER_SECOND, steps=above(0.1)),
            size=(6, 8),
        ),
    ],
)

_SENDERS = Row(
    "The services' own side",
    [
        timeseries(
            "Exported by services",
            Prom(total(rate("telemetry_exported_total"), "signal"), "{{signal}}"),
            says=Meaning("Equals what the Collector accepts.", "More: it is lost in between."),
            look=Look(unit=EVENTS_PER_SECOND),
        ),
        timeseries(
            "Queues in services used",
            Prom(
                f"{total('telemetry_queue_size', 'service_name', 'signal', using='max')}"
                f" / {total('telemetry_queue_capacity', 'service_name', 'signal', using='max')}",
                "{{service_name}} {{signal}}",
            ),
            says=Meaning("Near 0.", "Filling: the Collector is away; when full, it drops."),
            look=Look(unit=RATIO, steps=above(0.5, 0.9), maximum=1),
        ),
        timeseries(
            "Dropped",
            Prom(
                total(rate("telemetry_dropped_total"), "service_name", "signal", "reason"),
                "{{service_name}} {{signal}}: {{reason}}",
            ),
            says=Meaning(
                "0.",
                "What is dropped is gone: bring back the Collector. stdout: nobody reads it.",
                quiet="nothing was ever dropped.",
            ),
            look=Look(unit=EVENTS_PER_SECOND),
        ),
    ],
)

_STORES = Row(
    "Prometheus, Loki, Jaeger, Alertmanager",
    [
        timeseries(
            "Prometheus: samples",
            Prom(total(rate("prometheus_tsdb_head_samples_appended_total")), "samples"),
            says=Meaning("Level.", "A fall: targets vanished. A climb: too many series."),
            look=Look(unit=EVENTS_PER_SECOND),
            size=(6, 8),
        ),
        timeseries(
            "Prometheus: samples by job",
            Prom(
                total("scrape_samples_post_metric_relabeling", "job", "service_name"),
                "{{service_name}}",
            ),
            says=Meaning("Level.", "One that climbs has a label with ever new values."),
            size=(6, 8),
        ),
        timeseries(
            "Prometheus: slowest scrapes",
            Prom(total("scrape_duration_seconds", "service_name", using="max"), "{{service_name}}"),
            says=Meaning("Below 100 ms.", "Near 4 s it times out, and the target counts as down."),
            look=Look(unit=SECONDS, steps=above(1, 3)),
            size=(6, 8),
        ),
        timeseries(
            "Prometheus: rules",
            Prom(
                total("prometheus_rule_group_last_duration_seconds", "rule_group", using="max"),
                "{{rule_group}}",
            ),
            says=Meaning("Milliseconds.", "Near the interval, alerts come late."),
            look=Look(unit=SECONDS, steps=above(1, 4)),
            size=(6, 8),
        ),
        timeseries(
            "Loki: received",
            Prom(total(rate("loki_distributor_bytes_received_total")), "received"),
            says=Meaning("Follows the log lines.", "0: the Collector cannot deliver."),
            look=Look(unit=BYTES_PER_SECOND),
            size=(6, 8),
        ),
        timeseries(
            "Loki: streams",
            Prom(total("loki_ingester_memory_streams"), "streams"),
            says=Meaning(
                "Services times levels: some dozens.", "Hundreds: a label that should be a field."
            ),
            look=Look(steps=above(200, 1000)),
            size=(6, 8),
        ),
        timeseries(
            "Jaeger: spans",
            Prom(total(rate("otelcol_receiver_accepted_spans_total", _JAEGER)), "accepted"),
            Prom(total(rate(f"{_FAILED}spans_total", _JAEGER)), "failed"),
            says=Meaning(
                "As many as the Collector delivers.", "Failed: its store is full or away."
            ),
            look=Look(unit=EVENTS_PER_SECOND),
            size=(6, 8),
        ),
        timeseries(
            "Alertmanager: notifications",
            Prom(total(rate("alertmanager_notifications_total"), "integration"), "{{integration}}"),
            Prom(
                total(rate("alertmanager_notifications_failed_total"), "integration"),
                "{{integration}} failed",
            ),
            says=Meaning("A steady few: the Watchdog.", "Failed: the receiver does not answer."),
            look=Look(unit=EVENTS_PER_SECOND),
            size=(6, 8),
        ),
    ],
)

_TOLD = Row(
    "Who is told: from the inbox to people",
    [
        timeseries(
            "Inbox: notifications a minute",
            Prom(f"60 * {total(rate('inbox_notifications_total'), 'status')}", "{{status}}"),
            says=Meaning(
                "As many resolved as firing, a little later.",
                "None while alerts fire: the way from Alertmanager to the console is broken.",
            ),
            size=(6, 8),
            style="bars",
        ),
        timeseries(
            "Inbox: alerts left out",
            Prom(total(rate("inbox_alerts_left_out_total"), "reason"), "{{reason}}"),
            says=Meaning(
                "0.",
                "truncated: more rings at once than fits. unreadable: the console's log says why.",
            ),
            look=Look(unit=EVENTS_PER_SECOND, steps=above(0.001)),
            size=(6, 8),
        ),
        timeseries(
            "Deliveries to receivers",
            Prom(
                total(rate("alert_deliveries_total"), "receiver", "outcome"),
                "{{receiver}} {{outcome}}",
            ),
            says=Meaning(
                "delivered.",
                "failed: it is tried again. refused: never taken; runbook ReceiverFailing.",
                quiet="no receiver is set up, or nothing had to be told.",
            ),
            look=Look(unit=EVENTS_PER_SECOND),
            size=(6, 8),
            style="stacked",
        ),
        timeseries(
            "Work in the background that fails",
            Prom(total(rate("background_task_failures_total"), "task"), "{{task}}"),
            says=Meaning(
                "0.", "The task goes on by itself; `belfry logs console` says what keeps it."
            ),
            look=Look(unit=EVENTS_PER_SECOND, steps=above(0.001)),
            size=(6, 8),
        ),
    ],
)

_RESOURCES = Row(
    "What it costs",
    [
        timeseries(
            "Memory",
            Prom('process_resident_memory_bytes{job="backends"}', "{{service_name}}"),
            Prom('otelcol_process_memory_rss_bytes{job="backends"}', "{{service_name}}"),
            says=Meaning("Below 1 GB in all.", "One that climbs for hours: lower its retention."),
            look=Look(unit=BYTES),
            style="stacked",
        ),
        timeseries(
            "Processor",
            Prom(rate("process_cpu_seconds_total", 'job="backends"'), "{{service_name}}"),
            Prom(rate("otelcol_process_cpu_seconds_total", 'job="backends"'), "{{service_name}}"),
            says=Meaning("A few per cent of a core each.", "One at a core: an expensive query?"),
            look=Look(unit=CORES),
            style="stacked",
        ),
        table(
            "Servers",
            Column(
                "State",
                'max by (service_name) (up{job="backends"})',
                Look(mappings=value_names({"1": ("up", "green"), "0": ("DOWN", "red")})),
                coloured=True,
            ),
            Column(
                "Scrape",
                'max by (service_name) (scrape_duration_seconds{job="backends"})',
                Look(unit=SECONDS),
            ),
            lines=Lines({"service_name": "Server"}),
            says=Meaning("All up.", "`belfry status`, then `belfry logs NAME`."),
            size=(8, 8),
        ),
        timeseries(
            "Loki: request latency, 95th percentile",
            Prom(
                quantile(0.95, "loki_request_duration_seconds", 'method!="gRPC"', by=("route",)),
                "{{route}}",
            ),
            says=Meaning("Milliseconds.", "Queries above seconds: ask for less at a time."),
            look=Look(unit=SECONDS),
            size=(16, 8),
        ),
        timeseries(
            "Disk: share that is free",
            Prom(
                f"min by (device) ({_FREE} / {_SIZE})",
                "{{device}}",
            ),
            says=Meaning(
                "Level, above 20 %.",
                "A steady fall: runbook DiskFillingUp. At 0 databases and queues cannot write.",
            ),
            look=Look(unit=RATIO, steps=below(0.2, 0.05), maximum=1),
        ),
    ],
)

DASHBOARD = Dashboard(
    uid="stack",
    title="The stack itself",
    description="Can what the other dashboards show be trusted?",
    variables=(INTERVAL,),
    rows=(_NOW, _FLOW, _SENDERS, _STORES, _TOLD, _RESOURCES),
)
