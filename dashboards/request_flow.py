"""Who calls whom, how often and how slowly, seen from the spans."""

from dashboards.kit.board import Dashboard, Row
from dashboards.kit.links import to_dashboard, to_traces
from dashboards.kit.model import Look, Meaning
from dashboards.kit.panels import node_graph, timeseries, traces
from dashboards.kit.promql import ENVIRONMENT, SERVICE, mean, quantile, rate, share, total
from dashboards.kit.queries import Prom, ServiceMap, TraceSearch
from dashboards.kit.style import PER_SECOND, RATIO, SECONDS, above
from dashboards.kit.tables import Column, Lines, table
from dashboards.kit.variables import ENVIRONMENT as ENVIRONMENT_VARIABLE
from dashboards.kit.variables import INTERVAL, ONE_SERVICE

_CALLS = "http_client_request_duration_seconds"
_SERVED = "http_server_request_duration_seconds_count"
_STATEMENTS = "db_client_operation_duration_seconds_count"
_SPANS = "traces_span_metrics_calls_total"
_SPAN_TIME = "traces_span_metrics_duration_seconds"
_FAILED = 'http_response_status_code!~"[1-4].."'
_HERE = (SERVICE, ENVIRONMENT)
_EDGE = ("service_name", "server_address")
_SERVICE_LINK = (to_dashboard("Service", "service-detail", service="${__value.text}"),)

_MAP = Row(
    "Who calls whom",
    [
        node_graph(
            "Service map",
            ServiceMap(),
            links=(to_dashboard("Service", "service-detail", service="${__value.raw}"),),
            says=Meaning(
                "The gateway calls the shop's services; checkout reaches the worker by the queue.",
                "An edge that should not be there: a service goes around its neighbour.",
            ),
        ),
        table(
            "Calls between services",
            Column(
                "Calls",
                total(rate(f"{_CALLS}_count", ENVIRONMENT), *_EDGE),
                Look(unit=PER_SECOND, decimals=2),
            ),
            Column(
                "Failing",
                share(
                    total(rate(f"{_CALLS}_count", _FAILED, ENVIRONMENT), *_EDGE),
                    total(rate(f"{_CALLS}_count", ENVIRONMENT), *_EDGE),
                ),
                Look(unit=RATIO, steps=above(0.01, 0.05)),
                coloured=True,
            ),
            Column(
                "p95",
                quantile(0.95, _CALLS, ENVIRONMENT, by=_EDGE),
                Look(unit=SECONDS, steps=above(0.25, 0.5)),
                coloured=True,
            ),
            lines=Lines(
                {"service_name": "From", "server_address": "To"}, _SERVICE_LINK, sort="Calls"
            ),
            says=Meaning(
                "No colour.", "Follow the coloured edges to the last service: it is there."
            ),
            size=(12, 14),
        ),
    ],
)

_CHATTY = Row(
    "Chattiness: what one request costs",
    [
        timeseries(
            "Calls to others per request",
            Prom(
                f"{total(rate(f'{_CALLS}_count', ENVIRONMENT), 'service_name')}"
                f" / {total(rate(_SERVED, ENVIRONMENT), 'service_name')}",
                "{{service_name}}",
            ),
            says=Meaning(
                "Level: it depends on the code, not on the load.",
                "A step up after a deploy: a call in a loop. A climb under load: retries.",
            ),
            look=Look(decimals=1),
        ),
        timeseries(
            "Statements per request",
            Prom(
                f"{total(rate(_STATEMENTS, ENVIRONMENT), 'service_name')}"
                f" / {total(rate(_SERVED, ENVIRONMENT), 'service_name')}",
                "{{service_name}}",
            ),
            says=Meaning(
                "A few, and level.",
                "Grows with the amount of data: one statement for each row, where one would do.",
            ),
            look=Look(decimals=1),
        ),
        timeseries(
            "Calls to others per request, by route of the service",
            Prom(mean("http_server_upstream_calls", *_HERE, by=("http_route",)), "{{http_route}}"),
            says=Meaning(
                "Level: what the code of a route needs.",
                "The route that rises is the chatty one: its traces show the calls.",
                quiet="it calls no other service.",
            ),
            look=Look(decimals=1, links=(to_traces("$service"),)),
        ),
    ],
)


_OPERATIONS = Row(
    "Operations, from the spans",
    [
        timeseries(
            "Operations of the service",
            Prom(total(rate(_SPANS, SERVICE, ENVIRONMENT), "span_name"), "{{span_name}}"),
            says=Meaning(
                "The same rates as the service's own metrics show.",
                "Lower than those: spans are sampled or dropped.",
            ),
            look=Look(unit=PER_SECOND, links=(to_traces("$service"),)),
        ),
        timeseries(
            "Operations that fail",
            Prom(
                total(
                    rate(_SPANS, 'status_code="STATUS_CODE_ERROR"', SERVICE, ENVIRONMENT),
                    "span_name",
                ),
                "{{span_name}}",
            ),
            says=Meaning(
                "No line, or at 0.",
                "The operation named fails, whether or not its caller noticed.",
                quiet="no span has ended in an error.",
            ),
            look=Look(unit=PER_SECOND, links=(to_traces("$service"),)),
        ),
        timeseries(
            "Operations: latency, 95th percentile",
            Prom(
                quantile(0.95, _SPAN_TIME, SERVICE, ENVIRONMENT, by=("span_name",)),
                "{{span_name}}",
                exemplar=True,
            ),
            says=Meaning("Each in its usual band.", "Click a dot to open the trace."),
            look=Look(unit=SECONDS, links=(to_traces("$service"),)),
        ),
    ],
)

_TRACES = Row(
    "Slowest traces",
    [
        traces(
            "Slow traces of the service",
            TraceSearch("$service", min_duration="250ms"),
            says=Meaning(
                "Few.", "Open one: the longest span is the answer.", quiet="no trace took 250 ms."
            ),
        )
    ],
)

DASHBOARD = Dashboard(
    uid="request-flow",
    title="Request flow",
    description="Who calls whom, and where does a request's time go?",
    variables=(ENVIRONMENT_VARIABLE, ONE_SERVICE, INTERVAL),
    rows=(_MAP, _CHATTY, _OPERATIONS, _TRACES),
)
