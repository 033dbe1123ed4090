"""One service: its routes, what it depends on, what limits it, its logs and traces."""

from dashboards.kit.board import Dashboard, Row
from dashboards.kit.links import to_dashboard, to_logs, to_traces
from dashboards.kit.model import Look, Meaning
from dashboards.kit.panels import heatmap, logs, stat, timeseries, traces
from dashboards.kit.promql import (
    ENVIRONMENT,
    INSTANCE,
    SERVICE,
    mean,
    or_zero,
    quantile,
    rate,
    series,
    share,
    total,
    with_version,
)
from dashboards.kit.queries import Loki, Prom, TraceSearch
from dashboards.kit.style import (
    BYTES,
    CORES,
    EVENTS_PER_SECOND,
    PER_SECOND,
    RATIO,
    SECONDS,
    above,
    at_least,
)
from dashboards.kit.tables import Column, Lines, table
from dashboards.kit.variables import ENVIRONMENT as ENVIRONMENT_VARIABLE
from dashboards.kit.variables import INSTANCES, INTERVAL, ONE_SERVICE

_DURATION = "http_server_request_duration_seconds"
_CALLS = "http_client_request_duration_seconds"
_DATABASE = "db_client_operation_duration_seconds"
_FAILED = 'http_response_status_code=~"5.."'
_CALL_FAILED = 'http_response_status_code!~"[1-4].."'
_HERE = (SERVICE, INSTANCE, ENVIRONMENT)
_ROUTE = ("http_request_method", "http_route")
_REQUESTS = rate(f"{_DURATION}_count", *_HERE)
_FAILURES = rate(f"{_DURATION}_count", _FAILED, *_HERE)
_UP = series("up", 'job="services"', *_HERE)
_STARTED = series("process_start_time_seconds", 'job="services"', *_HERE)
_TRACES = (to_traces("$service"), to_logs("$service"))
_LOG_STREAM = '{service_name="$service", deployment_environment_name=~"$environment"}'

_NOW = Row(
    "Now",
    [
        stat(
            "Replicas up",
            Prom(total(_UP)),
            says=Meaning("As many as were asked for.", "`belfry status` and `belfry logs NAME`."),
            look=Look(steps=at_least(1)),
        ),
        stat(
            "Requests",
            Prom(total(_REQUESTS)),
            says=Meaning("Follows the customers.", "0: nobody reaches it; look at its callers."),
            look=Look(unit=PER_SECOND, decimals=1),
        ),
        stat(
            "Requests that fail",
            Prom(f"({or_zero(total(_FAILURES))}) / {total(_REQUESTS)}"),
            says=Meaning("Below 0.1 %.", "Runbook HighErrorRate; *Failures by route* below."),
            look=Look(unit=RATIO, steps=above(0.01, 0.05), decimals=2),
        ),
        stat(
            "Latency, 95th percentile",
            Prom(quantile(0.95, _DURATION, *_HERE), exemplar=True),
            says=Meaning("Below 200 ms.", "Runbook HighLatency; *Latency by route* below."),
            look=Look(unit=SECONDS, steps=above(0.25, 0.5)),
        ),
        stat(
            "Requests in flight",
            Prom(total(series("http_server_active_requests", *_HERE))),
            says=Meaning("A few.", "Climbing: it waits for something; see *Calls to others*."),
            look=Look(steps=above(50, 200)),
        ),
        stat(
            "Running for",
            Prom(f"time() - {total(series('process_start_time_seconds', *_HERE), using='max')}"),
            says=Meaning("Since the last deploy.", "Small again and again: it crashes; see logs."),
            look=Look(unit=SECONDS, decimals=0),
        ),
    ],
)

_STATE = Row(
    "Fit for work, and which version",
    [
        timeseries(
            "Readiness checks that fail",
            Prom(
                f"max by (instance, check) (1 - {series('service_ready', *_HERE)})",
                "{{instance}} {{check}}",
            ),
            says=Meaning(
                "At 0.",
                "At 1: it answers and cannot do its work; runbook NotReady. To and fro: flapping.",
                quiet="it reports no checks of its readiness.",
            ),
            look=Look(decimals=0, maximum=1, steps=above(1)),
            size=(12, 6),
        ),
        table(
            "Versions",
            Column("Replicas", f"sum by (service_version) ({with_version(_UP)})"),
            Column(
                "Running for",
                f"time() - max by (service_version) ({with_version(_STARTED)})",
                Look(unit=SECONDS, decimals=0),
            ),
            lines=Lines({"service_version": "Version"}),
            says=Meaning(
                "One.", "Two: a deploy is under way, or it stopped halfway; runbook VersionSkew."
            ),
            size=(12, 6),
        ),
    ],
)

_ROUTES = Row(
    "Routes",
    [
        timeseries(
            "Requests by route",
            Prom(total(_REQUESTS, *_ROUTE), "{{http_request_method}} {{http_route}}"),
            says=Meaning("The usual mix.", "*unmatched* rises: someone probes, or links broke."),
            look=Look(unit=PER_SECOND, links=_TRACES),
        ),
        timeseries(
            "Failures by route",
            Prom(
                total(_FAILURES, *_ROUTE, "http_response_status_code"),
                "{{http_request_method}} {{http_route}} {{http_response_status_code}}",
            ),
            says=Meaning(
                "No line, or at 0.",
                "500: its own defect, see the log. 502 to 504: something it calls.",
                quiet="no request has ended in a 5xx.",
            ),
            look=Look(unit=PER_SECOND, links=_TRACES),
            style="stacked",
        ),
        timeseries(
            "Latency by route, 95th percentile",
            Prom(
                quantile(0.95, _DURATION, *_HERE, by=_ROUTE),
                "{{http_request_method}} {{http_route}}",
                exemplar=True,
            ),
            says=Meaning("Each in its usual band.", "Click a dot high up to open a slow trace."),
            look=Look(unit=SECONDS, steps=above(0.25, 0.5), links=_TRACES),
        ),
        heatmap(
            "How latency spreads",
            Prom(
                total(rate(f"{_DURATION}_bucket", *_HERE), "le"),
                "{{le}}",
                exemplar=True,
                format="heatmap",
            ),
            says=Meaning(
                "One dark band at the bottom.",
                "A second band above: some requests take another, slower way; open a dot there.",
            ),
            unit=SECONDS,
        ),
        table(
            "Routes in figures",
            Column("Requests", total(_REQUESTS, *_ROUTE), Look(unit=PER_SECOND, decimals=2)),
            Column(
                "Failing",
                share(total(_FAILURES, *_ROUTE), total(_REQUESTS, *_ROUTE)),
                Look(unit=RATIO, steps=above(0.01, 0.05)),
                coloured=True,
            ),
            Column("Mean", mean(_DURATION, *_HERE, by=_ROUTE), Look(unit=SECONDS)),
            Column(
                "p95",
                quantile(0.95, _DURATION, *_HERE, by=_ROUTE),
                Look(unit=SECONDS, steps=above(0.25, 0.5)),
                coloured=True,
            ),
            lines=Lines({"http_request_method": "Method", "http_route": "Route"}, sort="Requests"),
            says=Meaning("No colour.", "Begin with the busiest route that is coloured."),
            size=(12, 8),
        ),
    ],
)

_DEPENDENCIES = Row(
    "What it depends on",
    [
        timeseries(
            "Calls to others",
            Prom(total(rate(f"{_CALLS}_count", *_HERE), "server_address"), "{{server_address}}"),
            says=Meaning(
                "In proportion to its own requests.",
                "More calls per request than usual: a loop of calls, or retries.",
                quiet="it calls no other service.",
            ),
            look=Look(
                unit=PER_SECOND,
                links=(
                    to_dashboard(
                        "That service", "service-detail", service="${__field.labels.server_address}"
                    ),
                ),
            ),
            size=(6, 8),
        ),
        timeseries(
            "Calls that fail",
            Prom(
                total(rate(f"{_CALLS}_count", _CALL_FAILED, *_HERE), "server_address"),
                "{{server_address}}",
            ),
            says=Meaning(
                "No line, or at 0.",
                "Open that service: the cause is there.",
                quiet="no call has failed.",
            ),
            look=Look(unit=PER_SECOND),
            size=(6, 8),
        ),
        timeseries(
            "Calls: latency, 95th percentile",
            Prom(
                quantile(0.95, _CALLS, *_HERE, by=("server_address",)),
                "{{server_address}}",
                exemplar=True,
            ),
            says=Meaning(
                "Below its own latency.",
                "As high as its own latency: it is that service that is slow.",
                quiet="it calls no other service.",
            ),
            look=Look(unit=SECONDS),
            size=(6, 8),
        ),
        timeseries(
            "Database: latency, 95th percentile",
            Prom(
                quantile(0.95, _DATABASE, *_HERE, by=("db_operation_name",)),
                "{{db_operation_name}}",
                exemplar=True,
            ),
            says=Meaning(
                "A few milliseconds.",
                "Writes only: a lock or the disk. Everything: the database itself.",
                quiet="it has no database.",
            ),
            look=Look(unit=SECONDS),
            size=(6, 8),
        ),
    ],
)

_SATURATION = Row(
    "What limits it",
    [
        timeseries(
            "Processor",
            Prom(total(rate("process_cpu_seconds_total", *_HERE), "instance"), "{{instance}}"),
            says=Meaning(
                "Well below 1: one process uses one core.", "At 1: scale it, or profile it."
            ),
            look=Look(unit=CORES, steps=above(0.7, 0.95)),
            size=(6, 8),
        ),
        timeseries(
            "Memory",
            Prom(
                total(series("process_resident_memory_bytes", *_HERE), "instance"), "{{instance}}"
            ),
            says=Meaning("Flat after start.", "A steady climb is a leak: restart it, then look."),
            look=Look(unit=BYTES),
            size=(6, 8),
        ),
        timeseries(
            "Event-loop lag, 99th percentile",
            Prom(
                quantile(0.99, "python_event_loop_lag_seconds", *_HERE, by=("instance",)),
                "{{instance}}",
            ),
            says=Meaning("Below 10 ms.", "Something blocks the loop: work or a blocking call."),
            look=Look(unit=SECONDS, steps=above(0.05, 0.25)),
            size=(6, 8),
        ),
        timeseries(
            "Telemetry dropped",
            Prom(
                total(rate("telemetry_dropped_total", *_HERE), "signal", "reason"),
                "{{signal}}: {{reason}}",
            ),
            says=Meaning(
                "0.",
                "The Collector is away for long, or the service logs far too much.",
                quiet="nothing was ever dropped.",
            ),
            look=Look(unit=EVENTS_PER_SECOND),
            size=(6, 8),
        ),
    ],
)

_EVIDENCE = Row(
    "Its logs and traces",
    [
        timeseries(
            "Log lines by level",
            Loki(f"sum by (level) (count_over_time({_LOG_STREAM} [$__interval]))", "{{level}}"),
            says=Meaning("Mostly info.", "Errors among them: read them below."),
            size=(8, 10),
            style="bars",
        ),
        traces(
            "Traces that failed",
            TraceSearch("$service", tags="error=true"),
            says=Meaning(
                "None in the time shown.",
                "Open one: the innermost red span is the cause.",
                quiet="no trace of the service has an error.",
            ),
            size=(8, 10),
        ),
        traces(
            "Slow traces",
            TraceSearch("$service", min_duration="250ms"),
            says=Meaning(
                "Few.",
                "Open one: the longest span is where the time went.",
                quiet="no trace took 250 ms.",
            ),
            size=(8, 10),
        ),
        logs(
            "Log",
            Loki(f"{_LOG_STREAM}"),
            says=Meaning("One line a request or less.", "A line's trace id opens its trace."),
        ),
    ],
)

DASHBOARD = Dashboard(
    uid="service-detail",
    title="Service detail",
    description="What is the matter with this service, and why?",
    variables=(ENVIRONMENT_VARIABLE, ONE_SERVICE, INSTANCES, INTERVAL),
    rows=(_NOW, _STATE, _ROUTES, _DEPENDENCIES, _SATURATION, _EVIDENCE),
)
