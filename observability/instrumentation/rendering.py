"""The page of metrics in OpenMetrics, much of which is the same at each scrape.

Names, labels and descriptions are encoded once, by prometheus-client; after that only values and
exemplars are put beside them. A metric that cannot be encoded is left out and counted.
"""

import functools
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample
from prometheus_client.utils import floatToGoString

from observability.instrumentation.health import process

Encode = Callable[[Collector], bytes]

END = "# EOF\n"
ZERO = " 0.0\n"
# As many as a large application has; series that are gone must not be kept for ever.
MAX_SERIES = 50_000

number = functools.lru_cache(maxsize=4096)(floatToGoString)


class OpenMetricsPage:
    """Encodes metrics again and again.

    Args:
        encode: prometheus-client's encoder to OpenMetrics, as the scraper asked for it.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._heads: dict[tuple[str, str, str, str], str] = {}
        self._series: dict[tuple[object, ...], str] = {}

    def render(self, metrics: Iterable[Metric]) -> bytes:
        """Return the whole page."""
        parts: list[str] = []
        for metric in metrics:
            try:
                parts.append(self._metric(metric))
            except Exception as error:
                process.failed("metrics_page", error)
        return "".join((*parts, END)).encode()

    def _metric(self, metric: Metric) -> str:
        if any(_is_rare(sample) for sample in metric.samples):
            return self._encoded(metric)
        lines = [self._head(metric)]
        for sample in metric.samples:
            line = f"{self._name(metric, sample)} {number(sample.value)}"
            lines.append(
                f"{line}{_exemplar(sample.exemplar)}\n" if sample.exemplar else f"{line}\n"
            )
        return "".join(lines)

    def _head(self, metric: Metric) -> str:
        """Return name, type and description of a metric."""
        key = (metric.name, metric.type, metric.documentation, metric.unit)
        head = self._heads.get(key)
        if head is None:
            bare = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            head = self._heads[key] = self._encoded(bare)
        return head

    def _name(self, metric: Metric, sample: Sample) -> str:
        """Return a series' name with its labels."""
        key = (sample.name, *sample.labels.items())
        name = self._series.get(key)
        if name is None:
            if len(self._series) >= MAX_SERIES:
                self._series.clear()
            single = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            single.add_sample(sample.name, sample.labels, 0.0)
            line = self._encoded(single).removeprefix(self._head(metric))
            name = self._series[key] = line.removesuffix(ZERO)
        return name

    def _encoded(self, metric: Metric) -> str:
        return self._encode(_Only(metric)).decode().removesuffix(END)


class _Only(Collector):
    """One metric."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric


def _is_rare(sample: Sample) -> bool:
    return sample.timestamp is not None or sample.native_histogram is not None


def _exemplar(exemplar: Exemplar) -> str:
    labels = ",".join(
        f'{name}="{_escaped(value)}"' for name, value in sorted(exemplar.labels.items())
    )
    moment = "" if exemplar.timestamp is None else f" {exemplar.timestamp}"
    return f" # {{{labels}}} {number(exemplar.value)}{moment}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
