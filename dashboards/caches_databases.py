"""Caches and databases."""

from dashboards.kit.board import Dashboard, Row
from dashboards.kit.links import to_traces
from dashboards.kit.model import Look, Meaning
from dashboards.kit.panels import heatmap, timeseries
from dashboards.kit.promql import ENVIRONMENT, SERVICE, mean, quantile, rate, series, total
from dashboards.kit.queries import Prom
from dashboards.kit.style import EVENTS_PER_SECOND, RATIO, SECONDS, above, at_least, below
from dashboards.kit.tables import Column, Lines, table
from dashboards.kit.variables import ENVIRONMENT as ENVIRONMENT_VARIABLE
from dashboards.kit.variables import INTERVAL, SERVICES

_STATEMENTS = "db_client_operation_duration_seconds"
_HERE = (SERVICE, ENVIRONMENT)
_HITS = rate("cache_requests_total", 'result="hit"', *_HERE)
_LOOKUPS = rate("cache_requests_total", *_HERE)
_STATEMENT = ("db_namespace", "db_operation_name")
_POOL = ("service_name", "instance", "db_namespace")
_USED = series("db_client_connection_count", 'state="used"', *_HERE)
_MOST = series("db_client_connection_max", *_HERE)
_TRACES = (to_traces("${__field.labels.service_name}"),)

_CACHES = Row(
    "Caches",
    [
        timeseries(
            "Found in the cache",
            Prom(
                f"{total(_HITS, 'cache')} / {total(_LOOKUPS, 'cache')}",
                "{{cache}}",
            ),
            says=Meaning(
                "High and level, after it has warmed up.",
                "It fell: the cache was emptied, is away, or its entries end too soon.",
            ),
            look=Look(unit=RATIO, steps=below(0.5, 0.2), maximum=1),
        ),
        timeseries(
            "Look-ups by result",
            Prom(total(_LOOKUPS, "cache", "result"), "{{cache}} {{result}}"),
            says=Meaning("Mostly hits.", "Misses rise: the database behind has to bear them."),
            look=Look(unit=EVENTS_PER_SECOND),
            style="stacked",
        ),
        timeseries(
            "Stale answers",
            Prom(
                total(rate("cache_requests_total", 'result="stale"', *_HERE), "cache"), "{{cache}}"
            ),
            says=Meaning(
                "0.",
                "What is behind the cache does not answer; customers see old data.",
                quiet="no stale answer was ever given.",
            ),
            look=Look(unit=EVENTS_PER_SECOND, steps=above(0.1, 1)),
        ),
        timeseries(
            "Age of what is served, 95th percentile",
            Prom(quantile(0.95, "cache_age_seconds", *_HERE, by=("cache",)), "{{cache}}"),
            says=Meaning(
                "Below what is promised: 10 s for products, 30 s for quotes.",
                "Older: changes are not told to the caches, or what is behind them is away.",
            ),
            look=Look(unit=SECONDS, steps=above(10, 30)),
            size=(12, 8),
        ),
        timeseries(
            "Shared cache",
            Prom(
                total(
                    series("cache_shared_available", *_HERE),
                    "service_name",
                    "instance",
                    using="min",
                ),
                "{{instance}}",
            ),
            says=Meaning(
                "At 1 for each replica.",
                "At 0 it is away: each replica caches by itself. Runbook RedisDown.",
                quiet="no cache is shared: each replica has its own.",
            ),
            look=Look(decimals=0, maximum=1, steps=at_least(1), links=_TRACES),
            size=(12, 8),
        ),
    ],
)

_DATABASES = Row(
    "Databases",
    [
        timeseries(
            "Statements",
            Prom(total(rate(f"{_STATEMENTS}_count", *_HERE), "db_namespace"), "{{db_namespace}}"),
            says=Meaning("Follows the requests.", "Rises alone: a loop of statements."),
            look=Look(unit=EVENTS_PER_SECOND),
        ),
        timeseries(
            "Latency, 95th percentile",
            Prom(
                quantile(0.95, _STATEMENTS, *_HERE, by=("service_name", "db_namespace")),
                "{{db_namespace}}",
                exemplar=True,
            ),
            says=Meaning("A few milliseconds.", "Click a dot; the span names the statement."),
            look=Look(unit=SECONDS, steps=above(0.05, 0.25), links=_TRACES),
        ),
        timeseries(
            "Time spent in the database",
            Prom(total(rate(f"{_STATEMENTS}_sum", *_HERE), "db_namespace"), "{{db_namespace}}"),
            says=Meaning(
                "Well below 1: seconds of waiting in each second.",
                "At 1 for a database with one writer: writes stand in line.",
            ),
            look=Look(steps=above(0.5, 1)),
        ),
        heatmap(
            "How latency spreads",
            Prom(
                total(rate(f"{_STATEMENTS}_bucket", *_HERE), "le"),
                "{{le}}",
                exemplar=True,
                format="heatmap",
            ),
            says=Meaning("One dark band below 5 ms.", "A band above: locks, or a slow disk."),
            unit=SECONDS,
            size=(8, 8),
        ),
        timeseries(
            "Connections of the pools",
            Prom(
                total(series("db_client_connection_count", *_HERE), "db_namespace", "state"),
                "{{db_namespace}} {{state}}",
            ),
            says=Meaning(
                "Some idle.", "None idle: requests wait for a connection; look for long statements."
            ),
            size=(8, 8),
            style="stacked",
        ),
        timeseries(
            "Pools in use, the fullest replica",
            Prom(
                f"max by (db_namespace) ({total(_USED, *_POOL)} / {total(_MOST, *_POOL)})",
                "{{db_namespace}}",
            ),
            says=Meaning(
                "Well below 90 %.",
                "Near 100 %: requests wait for a connection. Runbook DatabasePoolExhausted.",
            ),
            look=Look(unit=RATIO, steps=above(0.7, 0.9), maximum=1),
        ),
        table(
            "Statements in figures",
            Column(
                "Rate",
                total(rate(f"{_STATEMENTS}_count", *_HERE), *_STATEMENT),
                Look(unit=EVENTS_PER_SECOND, decimals=2),
            ),
            Column("Mean", mean(_STATEMENTS, *_HERE, by=_STATEMENT), Look(unit=SECONDS)),
            Column(
                "p95",
                quantile(0.95, _STATEMENTS, *_HERE, by=_STATEMENT),
                Look(unit=SECONDS, steps=above(0.05, 0.25)),
                coloured=True,
            ),
            lines=Lines(
                {"db_namespace": "Database", "db_operation_name": "Statement"}, sort="Rate"
            ),
            says=Meaning("No colour.", "Begin with the most frequent that is coloured."),
        ),
    ],
)

DASHBOARD = Dashboard(
    uid="caches-databases",
    title="Caches and databases",
    description="Do caches spare the databases, and do those keep up?",
    variables=(ENVIRONMENT_VARIABLE, SERVICES, INTERVAL),
    rows=(_CACHES, _DATABASES),
)
