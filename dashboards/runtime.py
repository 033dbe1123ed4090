"""What the processes themselves use: loop, garbage collection, memory, files."""

from dashboards.kit.board import Dashboard, Row
from dashboards.kit.links import to_dashboard
from dashboards.kit.model import Look, Meaning
from dashboards.kit.panels import timeseries
from dashboards.kit.promql import ENVIRONMENT, INSTANCE, SERVICE, quantile, rate, series, total
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
)
from dashboards.kit.tables import Column, Lines, table
from dashboards.kit.variables import ENVIRONMENT as ENVIRONMENT_VARIABLE
from dashboards.kit.variables import INSTANCES, INTERVAL, SERVICES

_HERE = (SERVICE, INSTANCE, ENVIRONMENT)
_JOB = ('job="services"', *_HERE)
_EACH = ("service_name", "instance")
_LINK = (
    to_dashboard(
        "Service",
        "service-detail",
        service="${__field.labels.service_name}",
        instance="${__field.labels.instance}",
    ),
)
_GENERATION = ("service_name", "generation")
_MEMORY = series("process_resident_memory_bytes", *_JOB)

_PROCESS = Row(
    "Processes",
    [
        timeseries(
            "Processor",
            Prom(total(rate("process_cpu_seconds_total", *_JOB), *_EACH), "{{instance}}"),
            says=Meaning("Well below 1 core each.", "At 1: scale it, or profile it."),
            look=Look(unit=CORES, steps=above(0.7, 0.95), links=_LINK),
        ),
        timeseries(
            "Memory",
            Prom(total(_MEMORY, *_EACH), "{{instance}}"),
            says=Meaning("Flat after start.", "A steady climb is a leak."),
            look=Look(unit=BYTES, links=_LINK),
        ),
        timeseries(
            "Memory growth",
            Prom(f"sum by (service_name, instance) (deriv({_MEMORY}[15m]))", "{{instance}}"),
            says=Meaning("Around 0.", "Above 0 for an hour: restart it, then look for the leak."),
            look=Look(unit=BYTES_PER_SECOND, minimum=None, links=_LINK),
        ),
    ],
)

_LOOP = Row(
    "Event loop and garbage collection",
    [
        timeseries(
            "Event-loop lag, 99th percentile",
            Prom(quantile(0.99, "python_event_loop_lag_seconds", *_HERE, by=_EACH), "{{instance}}"),
            says=Meaning(
                "Below 10 ms.", "Work on the processor or a blocking call holds the loop."
            ),
            look=Look(unit=SECONDS, steps=above(0.05, 0.25), links=_LINK),
        ),
        timeseries(
            "Time spent collecting garbage",
            Prom(total(rate("python_gc_pause_seconds_sum", *_HERE), *_EACH), "{{instance}}"),
            says=Meaning("Below 1 %.", "Above 5 %: too many objects are kept alive."),
            look=Look(unit=RATIO, steps=above(0.02, 0.05), links=_LINK),
        ),
        timeseries(
            "Longest pauses, 99th percentile",
            Prom(
                quantile(0.99, "python_gc_pause_seconds", *_HERE, by=_GENERATION),
                "{{service_name}} generation {{generation}}",
            ),
            says=Meaning(
                "Milliseconds.", "Generation 2 above 50 ms stops every request that long."
            ),
            look=Look(unit=SECONDS, steps=above(0.05, 0.25)),
        ),
    ],
)

_REST = Row(
    "Files and restarts",
    [
        timeseries(
            "Open files, share of the limit",
            Prom(
                f"{total(series('process_open_fds', *_JOB), *_EACH)}"
                f" / {total(series('process_max_fds', *_JOB), *_EACH)}",
                "{{instance}}",
            ),
            says=Meaning("A few per cent.", "Climbing: connections or files are not closed."),
            look=Look(unit=RATIO, steps=above(0.5, 0.8), maximum=1, links=_LINK),
        ),
        timeseries(
            "Objects collected",
            Prom(total(rate("python_gc_objects_collected_total", *_HERE), *_EACH), "{{instance}}"),
            says=Meaning("Follows the requests.", "Rises alone: code that makes many cycles."),
            look=Look(unit=EVENTS_PER_SECOND),
        ),
        table(
            "Replicas",
            Column(
                "Up",
                total(series("up", *_JOB), *_EACH),
                Look(steps=at_least(1)),
                coloured=True,
            ),
            Column("Memory", total(_MEMORY, *_EACH), Look(unit=BYTES)),
            Column(
                "Running for",
                f"time() - {total(series('process_start_time_seconds', *_JOB), *_EACH)}",
                Look(unit=SECONDS, decimals=0),
            ),
            lines=Lines(
                {"service_name": "Service", "instance": "Replica"},
                (
                    to_dashboard(
                        "Service",
                        "service-detail",
                        service="${__value.text}",
                        instance="${__data.fields.Replica}",
                    ),
                ),
            ),
            says=Meaning(
                "All up, started together.", "One started later than the rest: it crashed."
            ),
            size=(8, 8),
        ),
    ],
)

DASHBOARD = Dashboard(
    uid="runtime",
    title="Runtime and resources",
    description="Is a process short of anything: processor, memory, loop, files?",
    variables=(ENVIRONMENT_VARIABLE, SERVICES, INSTANCES, INTERVAL),
    rows=(_PROCESS, _LOOP, _REST),
)
