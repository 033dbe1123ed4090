"""A registry of metrics of which no single one can spoil the page."""

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from observability.instrumentation.health import process


class GuardedRegistry(CollectorRegistry):
    """Leaves out what a collector fails to tell, and counts that."""

    def register(self, collector: Collector) -> None:
        """Add a collector to the registry."""
        super().register(_Guarded(collector))


class _Guarded(Collector):
    """Passes on what a collector yields until it raises."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        if hasattr(inner, "describe"):
            # By it the registry knows the names and refuses the same one twice.
            self.describe = inner.describe

    def collect(self) -> Iterator[Metric]:
        try:
            found: Iterable[Metric] = self._inner.collect()
            yield from found
        except Exception as error:
            process.failed("metrics_page", error)
