"""What may be absent while all is well, each with the reason.

Counters of the services are shown as 0 from the start, so hardly anything belongs here.
"""

from collections.abc import Mapping
from typing import Final

QUIET_METRICS: Final[Mapping[str, str]] = {
    "telemetry_errors_total": "counts, by component, what the library failed at",
    "loki_discarded_samples_total": "counts, by reason, the lines that Loki refuses",
    "otelcol_exporter_enqueue_failed_log_records_total": "counts what a full queue refuses",
    "otelcol_exporter_enqueue_failed_spans_total": "counts what a full queue refuses",
    "alert_deliveries_total": "counts messages to receivers, and there need not be any",
    "cache_shared_available": "only with a shared cache is there anything to be away",
}
#: Labels that only some series of a metric have.
QUIET_LABELS: Final[Mapping[str, str]] = {
    "ALERTS": "has the labels of what an alert is about; when all is well only Watchdog fires",
    "ALERTS_FOR_STATE": "has the labels of what an alert is about",
}
#: Beginnings of metrics that a service need not have, and what it lacks then.
OPTIONAL: Final[Mapping[str, str]] = {
    "service_ready": "it reports no checks of its readiness",
    "messaging_": "it uses no queue",
    "db_client_": "it has no database",
    "cache_": "it has no cache",
}
_OF_DRILLS = (
    *("drill", "alert", "alert_severity", "began", "held", "outcome"),
    *("firing_seconds", "received_seconds", "resolved_seconds"),
)
QUIET_FIELDS: Final[Mapping[str, str]] = dict.fromkeys(_OF_DRILLS, "belfry drill writes it")
