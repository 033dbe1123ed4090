"""Metrics of the application: bounded, never raising, with exemplars."""

import gc
import math
import threading
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import prometheus_client
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

import observability
from observability import cache_request, counter, gauge, histogram, span
from observability.instrumentation.bounded_call import PATIENCE_SECONDS, BoundedCall
from observability.instrumentation.health import process
from observability.instrumentation.metrics import registry
from observability.instrumentation.rendering import OpenMetricsPage
from tests.support.waiting import eventually
from tests.unit.instrumentation.conftest import Observed

Observe = Callable[[FastAPI], Observed]


def unique(name: str) -> str:
    """Metrics belong to the process: each test has its own."""
    return f"test_{name}_{uuid4().hex[:8]}"


async def test_metrics_defined_before_the_app_are_on_its_page(observe: Observe) -> None:
    """A module may define metrics when it is imported; the page shows them with exemplars."""
    name = unique("orders")
    orders = counter(f"{name}_total", "Orders.", ["status"])
    values = histogram(f"{name}_euros", "Value.", buckets=(1, 10))
    level = gauge(f"{name}_level", "Level.", ["kind"])
    observed = observe(FastAPI())
    with span("buy") as current:
        orders.labels("paid").inc()
        orders.labels(status="paid").inc(2)
        values.observe(5)
    level.labels("a").set(3)
    level.labels("a").dec()
    assert await observed.value(f"{name}_total", status="paid") == 3
    assert await observed.value(f"{name}_euros_bucket", le="10.0") == 1
    assert await observed.value(f"{name}_level", kind="a") == 2
    context = current.get_span_context()
    [sample] = await observed.samples(f"{name}_total")
    assert sample.exemplar is not None
    assert sample.exemplar.labels["trace_id"] == f"{context.trace_id:032x}"
    assert not await observed.samples(f"{name}_created")


async def test_label_sets_are_bounded(observe: Observe) -> None:
    """Beyond the bound all share one child, and each is counted as dropped."""
    name = unique("ids")
    ids = counter(f"{name}_total", "By id.", ["id"], max_label_sets=3)
    observed = observe(FastAPI())
    before = await observed.value("telemetry_dropped_total", signal="metrics")
    for number in range(10):
        ids.labels(number).inc()
    assert len(await observed.samples(f"{name}_total")) == 4
    assert await observed.value(f"{name}_total", id="_overflow") == 7
    after = await observed.value("telemetry_dropped_total", signal="metrics", reason="cardinality")
    assert after - before == 7


async def test_wrong_use_is_counted_and_never_raises(observe: Observe) -> None:
    """Labels that do not fit, negative counts and values that are no numbers are swallowed."""
    observed = observe(FastAPI())
    before = await observed.value("telemetry_errors_total", component="metrics")
    requests = counter(f"{unique('wrong')}_total", "Wrong.", ["a", "b"])
    requests.labels("only one").inc()
    requests.labels(a=1, c=2).inc()
    requests.labels("x", "y").inc(-1)
    histogram(unique("nan"), "Text.").observe("text")  # type: ignore[arg-type]  # the wrong use
    gauge(unique("fn"), "Fails.").set_function(lambda: 1 / 0)
    assert await observed.value("telemetry_errors_total", component="metrics") >= before + 4


def test_defining_a_metric_twice_returns_it_or_fails_clearly() -> None:
    """The same definition again is the same metric; another one is the programmer's error."""
    name = f"{unique('twice')}_total"
    assert counter(name, "One.", ["a"]) is counter(name, "One.", ["a"])
    with pytest.raises(ValueError, match="already defined"):
        counter(name, "One.", ["b"])
    with pytest.raises(ValueError, match="already defined"):
        gauge(name, "One.", ["a"])


async def test_a_series_can_be_ended(observe: Observe) -> None:
    """A gauge of something that is gone is no longer shown."""
    name = unique("gone")
    level = gauge(name, "Level.", ["kind"])
    level.labels("a").set(1)
    level.remove("a")
    level.remove("never there")
    assert not await observe(FastAPI()).samples(name)


async def test_timing_a_block_counts_failures_too() -> None:
    """The time of a block that raises is observed, and the exception passes."""
    seconds = histogram(unique("seconds"), "Seconds.")
    with pytest.raises(KeyError), seconds.time():
        raise KeyError


async def test_the_runtime_is_on_the_page(observe: Observe) -> None:
    """Garbage collection pauses, process and interpreter metrics are there in both formats."""
    gc.collect()
    observed = observe(FastAPI())
    assert await observed.value("python_gc_pause_seconds_count", generation="2") >= 1
    free = await observed.value("system_filesystem_free_bytes")
    assert 0 < free <= await observed.value("system_filesystem_size_bytes")
    families = await observed.families()
    assert {"process_cpu_seconds", "process_resident_memory_bytes", "target"} <= families.keys()


async def test_cache_results_are_counted(observe: Observe) -> None:
    """hit, miss and stale by cache."""
    observed = observe(FastAPI())
    before = await observed.value("cache_requests_total", cache="quotes", result="hit")
    cache_request("quotes", "hit")
    cache_request("quotes", "miss")
    after = await observed.value("cache_requests_total", cache="quotes", result="hit")
    assert after == before + 1


def test_public_names_are_what_they_say() -> None:
    """Names load lazily from the package; unknown ones fail as usual."""
    for name in observability.__all__:
        assert getattr(observability, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = observability.nothing_of_that_name


class Failing(Collector):
    """Tells one metric and then no more."""

    def __init__(self, name: str) -> None:
        self.name = name

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(self.name, "Told.", 1)
        raise PermissionError("/var/lib/secret")


async def test_a_collector_that_fails_costs_its_own_metrics_only(observe: Observe) -> None:
    """The page is there, without what could not be read, and says so."""
    name = unique("partly")
    observed = observe(FastAPI())
    observed.telemetry.registry.register(Failing(name))
    before = await observed.value("telemetry_errors_total", component="metrics_page")
    assert await observed.value(name) == 1
    assert await observed.samples("process_cpu_seconds_total")
    after = await observed.value("telemetry_errors_total", component="metrics_page")
    assert after >= before + 1


async def test_names_taken_twice_are_still_refused(observe: Observe) -> None:
    """A series of the same name from two metrics would be no valid page."""
    registry = observe(FastAPI()).telemetry.registry
    name = unique("once")
    prometheus_client.Gauge(name, "First.", registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        prometheus_client.Gauge(name, "Second.", registry=registry)


@pytest.mark.parametrize("escaping", ["allow-utf-8", "underscores", "values"])
def test_the_page_is_the_one_that_prometheus_client_makes(escaping: str) -> None:
    """At the first scrape and at later ones, with all that a metric can have."""
    registry = CollectorRegistry()
    total = prometheus_client.Counter(
        "a_total", 'Doc "quoted" \\ and\nmore.', ["x"], registry=registry
    )
    seconds = prometheus_client.Histogram("b_seconds", "B.", ["y", "x"], registry=registry, unit="")
    level = prometheus_client.Gauge("c", "C.", registry=registry)
    prometheus_client.Info("d", "D.", registry=registry).info({"version": "1", "é": "ü"})
    prometheus_client.Gauge("names with spaces", "E.", ["a label"], registry=registry).labels("z")
    registry.register(Stamped())
    accept = f"application/openmetrics-text;version=1.0.0;escaping={escaping}"
    encode, _ = choose_encoder(accept)
    page = OpenMetricsPage(encode)
    values: list[float] = [0, 1, 1e7, 1.5e-9, -3, math.inf, math.nan, 123456789.25]
    for value in values:
        level.set(value)
        total.labels('say "hi"\n\\').inc(1, {"trace_id": 'a"b\\c'})
        seconds.labels("é", "").observe(abs(value), {"trace_id": str(value)})
        assert page.render(registry.collect()) == encode(registry)


class Stamped(Collector):
    """A sample with a time of its own."""

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("stamped", "S.")
        family.add_metric([], 5, timestamp=12.5)
        yield family


async def test_a_metric_that_cannot_be_shown_is_left_out(observe: Observe) -> None:
    """One label value that is no text does not cost the page."""
    observed = observe(FastAPI())
    broken = GaugeMetricFamily("broken", "B.", labels=["a"])
    broken.add_metric(["x"], 1)
    broken.samples[0].labels["a"] = 5  # type: ignore[assignment]  # what a careless collector does

    class Careless(Collector):
        def collect(self) -> Iterator[Metric]:
            yield broken

    observed.telemetry.registry.register(Careless())
    families = await observed.families()
    assert "broken" not in families
    assert "target" in families


def test_a_read_that_hangs_is_counted_and_shown_no_longer() -> None:
    """The last value holds for a while; then nothing is better than something untrue."""
    hang = threading.Event()
    values = [1]

    def read() -> list[int]:
        if not values:
            hang.wait(60)
        return [values.pop()] if values else [2]

    before = process.errors["hanging"]
    call: BoundedCall[list[int]] = BoundedCall("hanging", read, [])
    assert call() == [1]
    start = time.monotonic()
    shown = [call() for _ in range(4)]
    # Only the first is waited for: the page is not held up at each scrape.
    assert time.monotonic() - start < 2 * PATIENCE_SECONDS
    assert shown == [[1], [1], [], []]
    assert process.errors["hanging"] == before + 4
    hang.set()
    eventually(lambda: call() == [2])


def test_a_counter_may_show_what_has_not_happened_yet() -> None:
    """As 0 from the start: the first of its kind is an increase, and a query finds the series."""
    sales = counter("test_sales_total", "x", ["outcome"], shown=["won", "lost"])
    sales.labels("won").inc()
    values = [
        registry.get_sample_value("test_sales_total", {"outcome": one})
        for one in ("won", "lost", "open")
    ]
    assert values == [1.0, 0.0, None]
