"""What stands on more than one dashboard: services by their signals, alerts that fire."""

from dashboards.kit.links import to_dashboard, to_logs, to_traces
from dashboards.kit.model import Look, Meaning, Panel, Size
from dashboards.kit.panels import timeseries
from dashboards.kit.promql import (
    ENVIRONMENT,
    SERVICE,
    increase,
    or_zero,
    quantile,
    rate,
    series,
    total,
)
from dashboards.kit.queries import Json, Prom
from dashboards.kit.style import RATIO, SECONDS, above

HERE = (SERVICE, ENVIRONMENT)
DURATION = "http_server_request_duration_seconds"
REQUESTS = rate(f"{DURATION}_count", *HERE)
FAILURES = rate(f"{DURATION}_count", 'http_response_status_code=~"5.."', *HERE)
#: Streams last as long as somebody looks, so that their duration tells nothing.
ANSWERED = ('http_route!~".*/stream"', *HERE)
_FIRES = ('alertstate="firing"', 'alertname!="Watchdog"')
FIRING = series("ALERTS", *_FIRES)
#: Those about the services chosen, and those about no service.
FIRING_HERE = series("ALERTS", *_FIRES, 'service_name=~"$service|"')


def counted(counter: str, *matchers: str) -> Prom:
    """How often something happened in the time shown; 0 where it never has."""
    return Prom(or_zero(total(increase(counter, *matchers))), instant=True)


def service_links(service: str) -> tuple[Json, ...]:
    """From a value to the service that it is about; `service` as in `${__value.text}`."""
    return (
        to_dashboard("Service", "service-detail", service=service),
        to_traces(service),
        to_logs(service),
    )


LINKS = service_links("${__field.labels.service_name}")
STACK = to_dashboard("The stack itself", "stack", keep=("interval",))


def failures_by_service() -> Panel:
    """The share of requests that fail."""
    return timeseries(
        "Failures by service",
        Prom(
            f"{total(FAILURES, 'service_name')} / {total(REQUESTS, 'service_name')}",
            "{{service_name}}",
        ),
        says=Meaning(
            "No line at all, or at 0.",
            "Open the service, its failing routes and an exemplar's trace.",
            quiet="no request has ended in a 5xx.",
        ),
        look=Look(unit=RATIO, steps=above(0.01, 0.05), links=LINKS),
    )


def latency_by_service() -> Panel:
    """How long requests take, with the traces behind it."""
    return timeseries(
        "Latency by service, 95th percentile",
        Prom(
            quantile(0.95, DURATION, *ANSWERED, by=("service_name",)),
            "{{service_name}}",
            exemplar=True,
        ),
        says=Meaning(
            "Each in its usual band; the gateway above those it calls.",
            "Click a dot high up: the trace shows where the time went.",
        ),
        look=Look(unit=SECONDS, steps=above(0.25, 0.5), links=LINKS),
    )


def from_order_to_shipment(size: Size) -> Panel:
    """How long customers wait for their parcel to be on its way."""
    waited = "shop_order_to_shipment_seconds"
    return timeseries(
        "From order to shipment",
        Prom(quantile(0.5, waited, ENVIRONMENT), "p50"),
        Prom(quantile(0.95, waited, ENVIRONMENT), "p95", exemplar=True),
        says=Meaning("Seconds.", "Look at the queue's depth and its workers."),
        look=Look(unit=SECONDS, steps=above(30, 120)),
        size=size,
    )
