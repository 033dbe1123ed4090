"""Queues and those who work them off."""

from dashboards.kit.board import Dashboard, Row
from dashboards.kit.links import to_traces
from dashboards.kit.model import Look, Meaning
from dashboards.kit.panels import logs, stat, timeseries
from dashboards.kit.promql import ENVIRONMENT, or_zero, quantile, rate, series, total
from dashboards.kit.queries import Loki, Prom
from dashboards.kit.style import EVENTS_PER_SECOND, SECONDS, above, at_least
from dashboards.kit.variables import ENVIRONMENT as ENVIRONMENT_VARIABLE
from dashboards.kit.variables import INTERVAL, LabelValues
from dashboards.shared import LINKS, counted, from_order_to_shipment

_NAME = "messaging_destination_name"
_OF_SERVICE = "{{service_name}}"
_QUEUE = f'{_NAME}=~"$queue"'
_HERE = (_QUEUE, ENVIRONMENT)
_DEPTH = series("messaging_queue_depth", *_HERE)
_AGE = series("messaging_queue_oldest_message_age_seconds", *_HERE)
_DONE = "messaging_process_duration_seconds"
_WORKERS = series("up", 'job="services"', 'service_name="worker"', ENVIRONMENT)

_NOW = Row(
    "Now",
    [
        stat(
            "Messages waiting",
            Prom(f"sum(max by ({_NAME}) ({_DEPTH}))"),
            says=Meaning("A handful.", "Runbook QueueBacklog."),
            look=Look(steps=above(20, 200)),
        ),
        stat(
            "Oldest message",
            Prom(f"max({_AGE})"),
            says=Meaning("A second or two.", "Climbs second by second: nobody takes from it."),
            look=Look(unit=SECONDS, steps=above(10, 60)),
        ),
        stat(
            "Processed",
            Prom(total(rate(f"{_DONE}_count", *_HERE))),
            says=Meaning("As many as are published.", "0 while some wait: workers stand still."),
            look=Look(unit=EVENTS_PER_SECOND, decimals=1),
        ),
        stat(
            "Failing",
            Prom(or_zero(total(rate(f"{_DONE}_count", 'outcome="error"', *_HERE)))),
            says=Meaning("0.", "The worker's log below says why; each is tried again."),
            look=Look(unit=EVENTS_PER_SECOND, steps=above(0.01, 1), decimals=2),
        ),
        stat(
            "Given up, in the time shown",
            counted("messaging_dead_letter_total", *_HERE),
            says=Meaning("0.", "`belfry queue --help`: look at the dead letters, replay them."),
            look=Look(steps=above(1), decimals=0),
        ),
        stat(
            "Workers up",
            Prom(f"sum({_WORKERS})"),
            says=Meaning("As many as were asked for.", "`belfry scale worker=3`."),
            look=Look(steps=at_least(1)),
        ),
    ],
)

_WAITING = Row(
    "Waiting",
    [
        timeseries(
            "Messages waiting",
            Prom(total(_DEPTH, _NAME, using="max"), f"{{{{{_NAME}}}}}"),
            says=Meaning("Saw teeth near 0.", "A ramp: more comes in than goes out."),
            look=Look(steps=above(20)),
        ),
        timeseries(
            "Age of the oldest message",
            Prom(total(_AGE, _NAME, using="max"), f"{{{{{_NAME}}}}}"),
            says=Meaning("Near 0.", "A straight climb: consumers are gone or stalled."),
            look=Look(unit=SECONDS, steps=above(10, 60)),
        ),
        timeseries(
            "Time spent waiting, 95th percentile",
            Prom(
                quantile(0.95, "messaging_queue_wait_seconds", *_HERE, by=(_NAME,)),
                f"{{{{{_NAME}}}}}",
                exemplar=True,
            ),
            says=Meaning("Below a second.", "High, queue empty: worked off in bursts."),
            look=Look(unit=SECONDS, links=(to_traces("worker"),)),
        ),
    ],
)

_ENDS = Row(
    "Before the queue, and behind it",
    [
        timeseries(
            "Outboxes: events waiting",
            Prom(
                total(series("outbox_unsent_events", ENVIRONMENT), "service_name", using="max"),
                _OF_SERVICE,
            ),
            says=Meaning(
                "Near 0.", "A ramp: the queue takes nothing; nothing is lost. See the broker."
            ),
            look=Look(decimals=0, steps=above(20, 200), links=LINKS),
        ),
        timeseries(
            "Outboxes: age of the oldest event",
            Prom(
                total(
                    series("outbox_oldest_event_age_seconds", ENVIRONMENT),
                    "service_name",
                    using="max",
                ),
                _OF_SERVICE,
            ),
            says=Meaning(
                "Below a second or two.",
                "A straight climb: the relay stands still. With few waiting: no queue wants it.",
            ),
            look=Look(unit=SECONDS, steps=above(10, 60), links=LINKS),
        ),
        from_order_to_shipment((8, 8)),
    ],
)

_THROUGHPUT = Row(
    "In and out",
    [
        timeseries(
            "Published",
            Prom(
                total(rate("messaging_publish_total", ENVIRONMENT), _NAME),
                f"{{{{{_NAME}}}}}",
            ),
            says=Meaning("Follows the orders.", "0 with orders: the outbox does not pass them on."),
            look=Look(unit=EVENTS_PER_SECOND),
            size=(6, 8),
        ),
        timeseries(
            "Processed by outcome",
            Prom(
                total(rate(f"{_DONE}_count", *_HERE), _NAME, "outcome"),
                f"{{{{{_NAME}}}}} {{{{outcome}}}}",
            ),
            says=Meaning("ok, at the rate of what is published.", "error: read the worker's log."),
            look=Look(unit=EVENTS_PER_SECOND),
            size=(6, 8),
            style="stacked",
        ),
        timeseries(
            "Processing time, 95th percentile",
            Prom(quantile(0.95, _DONE, *_HERE, by=(_NAME,)), f"{{{{{_NAME}}}}}", exemplar=True),
            says=Meaning("Tens of milliseconds.", "Click a dot: its trace shows the wait."),
            look=Look(unit=SECONDS, links=(to_traces("worker"),)),
            size=(6, 8),
        ),
        timeseries(
            "Processed by each worker",
            Prom(total(rate(f"{_DONE}_count", *_HERE), "instance"), "{{instance}}"),
            says=Meaning("Spread evenly.", "One does all, or one does nothing: restart that one."),
            look=Look(unit=EVENTS_PER_SECOND),
            size=(6, 8),
            style="stacked",
        ),
    ],
)

_LOG = Row(
    "What the workers say",
    [
        logs(
            "Worker: warnings and errors",
            Loki('{service_name="worker", level=~"warning|error|critical"}'),
            says=Meaning(
                "Little.",
                "The same event again and again: one message that cannot be done.",
                quiet="the workers warn of nothing.",
            ),
        )
    ],
)

DASHBOARD = Dashboard(
    uid="queues-workers",
    title="Queues and workers",
    description="Is work done as fast as it arrives, and what is given up?",
    variables=(
        ENVIRONMENT_VARIABLE,
        LabelValues("queue", "Queue", "messaging_queue_depth", _NAME),
        INTERVAL,
    ),
    rows=(_NOW, _WAITING, _ENDS, _THROUGHPUT, _LOG),
)
