"""Is the shop well? The first thing to look at."""

from dashboards.kit.board import Dashboard, Row
from dashboards.kit.links import to_dashboard
from dashboards.kit.model import Look, Meaning
from dashboards.kit.panels import stat, timeseries, value_names
from dashboards.kit.promql import ENVIRONMENT, or_zero, quantile, rate, series, total, with_version
from dashboards.kit.queries import Prom
from dashboards.kit.style import (
    EUROS,
    EVENTS_PER_SECOND,
    PER_SECOND,
    RATIO,
    SECONDS,
    above,
    below,
)
from dashboards.kit.tables import Column, Lines, table
from dashboards.kit.variables import ENVIRONMENT as ENVIRONMENT_VARIABLE
from dashboards.kit.variables import INTERVAL, SERVICES
from dashboards.shared import (
    ANSWERED,
    DURATION,
    FAILURES,
    FIRING,
    HERE,
    LINKS,
    REQUESTS,
    STACK,
    failures_by_service,
    from_order_to_shipment,
    latency_by_service,
    service_links,
)

_UP = series("up", 'job="services"', *HERE)
_STARTED = series("process_start_time_seconds", 'job="services"', *HERE)
_DRILLS = to_dashboard("Is it a drill?", "drills", keep=("environment", "service", "interval"))
_ALERT_LABELS = {
    "alertname": "Alert",
    "severity": "Severity",
    "service_name": "Service",
    "messaging_destination_name": "Queue",
}

_NOW = Row(
    "Now",
    [
        stat(
            "Alerts firing",
            Prom(f"count({FIRING}) or vector(0)"),
            says=Meaning("0.", "Open the table of alerts below; each has a runbook."),
            look=Look(steps=above(1), links=(_DRILLS,)),
        ),
        stat(
            "Services up",
            Prom(f"avg(max by (service_name) ({_UP}))"),
            says=Meaning("100 %.", "`belfry status` names the one that is down."),
            look=Look(unit=RATIO, steps=below(1, 0.99)),
        ),
        stat(
            "Requests",
            Prom(total(REQUESTS)),
            says=Meaning(
                "Follows the number of customers.",
                "Near 0 in business hours: customers do not reach the gateway.",
            ),
            look=Look(unit=PER_SECOND, decimals=1),
        ),
        stat(
            "Requests that fail",
            Prom(f"({or_zero(total(FAILURES))}) / {total(REQUESTS)}"),
            says=Meaning("Below 0.1 %.", "*Failures by service*; begin with the innermost."),
            look=Look(unit=RATIO, steps=above(0.01, 0.05), decimals=2),
        ),
        stat(
            "Latency, 95th percentile",
            Prom(quantile(0.95, DURATION, *ANSWERED), exemplar=True),
            says=Meaning("Below 200 ms.", "*Latency by service* shows where the time goes."),
            look=Look(unit=SECONDS, steps=above(0.25, 0.5)),
        ),
        stat(
            "Orders a minute",
            Prom(f"60 * {total(rate('shop_orders_total', ENVIRONMENT))}"),
            says=Meaning(
                "Steady for the hour of the day.",
                "Requests but no orders: try to buy something and look at *Checkout*.",
            ),
            look=Look(decimals=1),
        ),
    ],
)

_SERVICES = Row(
    "Each service: rate, errors, duration",
    [
        timeseries(
            "Requests by service",
            Prom(total(REQUESTS, "service_name"), "{{service_name}}"),
            says=Meaning(
                "All rise and fall together.",
                "One that falls alone is not reached; one that rises alone is called in a loop.",
            ),
            look=Look(unit=PER_SECOND, links=LINKS),
        ),
        failures_by_service(),
        latency_by_service(),
    ],
)

_BUSINESS = Row(
    "Business",
    [
        timeseries(
            "Orders a minute, by status",
            Prom(
                f"60 * {total(rate('shop_orders_total', ENVIRONMENT), 'status')}",
                "{{status}}",
            ),
            says=Meaning(
                "Placed, paid and shipped run side by side.",
                "Cancelled rises: look at payments. Shipped lags: look at the queue.",
            ),
            size=(6, 8),
            style="bars",
        ),
        timeseries(
            "Revenue a minute",
            Prom(f"60 * {total(rate('shop_order_value_euros_sum', ENVIRONMENT))}", "revenue"),
            says=Meaning("Follows the orders.", "Orders without revenue: prices are wrong."),
            look=Look(unit=EUROS),
            size=(6, 8),
        ),
        timeseries(
            "Payments by outcome",
            Prom(total(rate("shop_payments_total", ENVIRONMENT), "outcome"), "{{outcome}}"),
            says=Meaning(
                "A few declined among many accepted.",
                "Declined rises alone: the payment provider, or `checkout.payment_decline_rate`.",
            ),
            look=Look(unit=EVENTS_PER_SECOND),
            size=(6, 8),
            style="stacked",
        ),
        from_order_to_shipment((6, 8)),
        timeseries(
            "Orders not finished",
            Prom(
                f"max({series('shop_orders_unfinished', ENVIRONMENT)})",
                "orders",
            ),
            says=Meaning(
                "A handful: those on their way.",
                "A ramp: paid for and not shipped; look at the queue, then at shipping.",
            ),
            look=Look(decimals=0, steps=above(50, 200)),
        ),
        timeseries(
            "Oldest order not finished",
            Prom(f"max({series('shop_orders_unfinished_oldest_age_seconds', ENVIRONMENT)})", "age"),
            says=Meaning(
                "Seconds.",
                "Minutes: its trace says where it waits. At ten, checkout takes it up again.",
            ),
            look=Look(unit=SECONDS, steps=above(30, 600)),
        ),
        timeseries(
            "Reservations of stock by outcome",
            Prom(total(rate("shop_reservations_total", ENVIRONMENT), "outcome"), "{{outcome}}"),
            says=Meaning(
                "As many committed as held.",
                "Refused: sold out. Released or expired: payments fail, or customers go away.",
            ),
            look=Look(unit=EVENTS_PER_SECOND),
            style="stacked",
        ),
    ],
)

_QUEUE = Row(
    "Queue and sign-ins",
    [
        timeseries(
            "Messages waiting",
            Prom(
                total(
                    series("messaging_queue_depth", ENVIRONMENT),
                    "messaging_destination_name",
                    using="max",
                ),
                "{{messaging_destination_name}}",
            ),
            says=Meaning("A handful.", "Climbing: workers are stalled or too few; see Queues."),
            look=Look(links=(to_dashboard("Queues and workers", "queues-workers"),)),
        ),
        timeseries(
            "Age of the oldest message",
            Prom(
                total(
                    series("messaging_queue_oldest_message_age_seconds", ENVIRONMENT),
                    "messaging_destination_name",
                    using="max",
                ),
                "{{messaging_destination_name}}",
            ),
            says=Meaning("Below a second or two.", "A straight climb: nobody takes from it."),
            look=Look(unit=SECONDS, steps=above(10, 60)),
        ),
        timeseries(
            "Sign-ins by outcome",
            Prom(total(rate("shop_sign_ins_total", ENVIRONMENT), "outcome"), "{{outcome}}"),
            says=Meaning(
                "Mostly successful.",
                "Failures in bulk: someone tries passwords; open Audit and security.",
            ),
            look=Look(unit=EVENTS_PER_SECOND),
            style="stacked",
        ),
    ],
)

_RUNNING = Row(
    "What is running, and what rings",
    [
        table(
            "What is running",
            Column(
                "Replicas",
                f"sum by (service_name, service_version) ({with_version(_UP)})",
            ),
            Column(
                "Running for",
                f"time() - max by (service_name, service_version) ({with_version(_STARTED)})",
                look=Look(unit=SECONDS, decimals=0),
            ),
            lines=Lines(
                {"service_name": "Service", "service_version": "Version"},
                service_links("${__value.text}"),
            ),
            says=Meaning(
                "One version of each service.",
                "Two versions of one: a deploy is under way, or it stopped halfway.",
            ),
            size=(8, 9),
        ),
        table(
            "Alerts firing",
            Column(
                "State",
                total(FIRING, *_ALERT_LABELS),
                look=Look(mappings=value_names({"1": ("firing", "red")})),
                coloured=True,
            ),
            lines=Lines(_ALERT_LABELS),
            says=Meaning(
                "Nothing.",
                "The runbook is docs/runbooks/<Alert>.md; `belfry alerts` has the details.",
                quiet="no alert fires.",
            ),
            size=(8, 9),
        ),
        table(
            "The stack itself",
            Column(
                "State",
                'max by (service_name) (up{job="backends"})',
                look=Look(mappings=value_names({"1": ("up", "green"), "0": ("DOWN", "red")})),
                coloured=True,
            ),
            lines=Lines({"service_name": "Server"}, (STACK,)),
            says=Meaning("All up.", "`belfry status`; open the dashboard *The stack itself*."),
            size=(8, 9),
        ),
    ],
)

DASHBOARD = Dashboard(
    uid="shop-overview",
    title="Shop overview",
    description="Is the shop well, and if not, which service is it?",
    variables=(ENVIRONMENT_VARIABLE, SERVICES, INTERVAL),
    rows=(_NOW, _SERVICES, _BUSINESS, _QUEUE, _RUNNING),
)
