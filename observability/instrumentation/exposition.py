"""What ``/metrics`` answers: the app's own registry and the process-wide one, in one page."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from observability.instrumentation import metrics, resource
from observability.instrumentation.exporting import ExportQueue
from observability.instrumentation.health import process
from observability.instrumentation.rendering import OpenMetricsPage
from observability.instrumentation.stdout import stdout

IDENTITY = (
    "service.name",
    "service.namespace",
    "service.version",
    "service.instance.id",
    "deployment.environment.name",
)
# What Prometheus asks for; there are a few ways to escape names in it.
SCRAPED = "application/openmetrics-text; version=1.0.0;"


class Page(Collector):
    """Both registries, read one after the other."""

    def __init__(self, own: CollectorRegistry) -> None:
        self._own = own
        self._pages: dict[str, OpenMetricsPage] = {}

    def collect(self) -> Iterator[Metric]:
        """Yield all that the page shows."""
        yield from self._own.collect()
        yield from metrics.registry.collect()

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the page and its content type: OpenMetrics if ``accept`` asks for it."""
        encode, content_type = choose_encoder(accept)
        if not content_type.startswith(SCRAPED):
            return encode(self), content_type
        page = self._pages.setdefault(content_type, OpenMetricsPage(encode))
        return page.render(self.collect()), content_type


class Identity(Collector):
    """``target_info``: who the service is, for joins with other metrics.

    Args:
        described: returns its whole identity, which a forked process has another of.
    """

    def __init__(self, described: Callable[[], Resource]) -> None:
        self._described = described

    def collect(self) -> Iterator[Metric]:
        """Yield the one metric."""
        described = self._described()
        labels = {name.replace(".", "_"): resource.text(described, name) for name in IDENTITY}
        family = InfoMetricFamily("target", "The service that these metrics are of.")
        family.add_metric([], labels)
        # The name that OpenMetrics fixes for this one, in the plain format too.
        yield family


class OwnHealth(Collector):
    """How the library itself fares: held, exported, dropped, failed."""

    def __init__(self, queues: Sequence[ExportQueue[Any]]) -> None:
        self._queues = queues

    def collect(self) -> Iterator[Metric]:
        """Yield the library's own metrics."""
        yield self._queue_gauge("size", "Items held for the collector.", "size")
        yield self._queue_gauge("capacity", "Items held at most.", "capacity")
        exported = CounterMetricFamily(
            "telemetry_exported", "Items that the collector took.", labels=["signal"]
        )
        for queue in self._queues:
            exported.add_metric([queue.signal], queue.exported)
        yield exported
        yield self._dropped()
        errors = CounterMetricFamily(
            "telemetry_errors", "Failures inside the library, swallowed.", labels=["component"]
        )
        for component, count in process.errors.copy().items():
            errors.add_metric([component], count)
        yield errors

    def _queue_gauge(self, name: str, doc: str, attribute: str) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"telemetry_queue_{name}", doc, labels=["signal"])
        for queue in self._queues:
            family.add_metric([queue.signal], getattr(queue, attribute))
        return family

    def _dropped(self) -> CounterMetricFamily:
        family = CounterMetricFamily(
            "telemetry_dropped",
            "Spans, log records, printed lines and label sets given up, by reason.",
            labels=["signal", "reason"],
        )
        for queue in self._queues:
            # Shown from the start, so that the first drop is an increase.
            for reason in sorted({"queue_full", "rejected"} | set(queue.dropped)):
                family.add_metric([queue.signal, reason], queue.dropped[reason])
        for reason in ("failed", "queue_full"):
            family.add_metric(["stdout", reason], stdout.dropped[reason])
        family.add_metric(["metrics", "cardinality"], process.dropped["metrics", "cardinality"])
        return family
