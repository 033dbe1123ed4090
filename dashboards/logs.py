"""Log lines of all services: how many, which, and their text."""

from dashboards.kit.board import Dashboard, Row
from dashboards.kit.model import Look, Meaning
from dashboards.kit.panels import logs, timeseries
from dashboards.kit.queries import Loki
from dashboards.kit.variables import ENVIRONMENT as ENVIRONMENT_VARIABLE
from dashboards.kit.variables import SERVICES, Choice, Text

_STREAMS = (
    '{service_name=~"$service", deployment_environment_name=~"$environment", level=~"$level"}'
)
_FOUND = f"{_STREAMS} |~ `(?i)$search` | trace_id=~`$trace_id.*`"

_COUNTS = Row(
    "How many",
    [
        timeseries(
            "Lines by level",
            Loki(f"sum by (level) (count_over_time({_FOUND} [$__interval]))", "{{level}}"),
            says=Meaning("Mostly info.", "A block of errors: drag over it to look closer."),
            size=(12, 7),
            style="bars",
        ),
        timeseries(
            "Lines by service",
            Loki(
                f"sum by (service_name) (count_over_time({_FOUND} [$__interval]))",
                "{{service_name}}",
            ),
            says=Meaning(
                "In proportion to the requests.", "One writes far more than before: log noise."
            ),
            look=Look(),
            size=(12, 7),
            style="bars",
        ),
    ],
)

_LINES = Row(
    "Lines",
    [
        logs(
            "Log",
            Loki(_FOUND, max_lines=1000),
            says=Meaning(
                "One event a request.",
                "Search for an order id; open a line, then its trace id, to see the whole request.",
            ),
            size=(24, 22),
        )
    ],
)

DASHBOARD = Dashboard(
    uid="logs",
    title="Logs explorer",
    description="What do the services say, and which lines belong to one trace?",
    variables=(
        ENVIRONMENT_VARIABLE,
        SERVICES,
        Choice("level", "Level", ("debug", "info", "warning", "error", "critical", "unknown")),
        Text("search", "Search"),
        Text("trace_id", "Trace id"),
    ),
    rows=(_COUNTS, _LINES),
)
