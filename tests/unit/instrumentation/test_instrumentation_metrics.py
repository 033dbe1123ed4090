"""Metrics of the application: bounded, never raising, with exemplars."""

import gc
from collections.abc import Callable
from uuid import uuid4

import pytest
from fastapi import FastAPI

import observability
from observability import cache_request, counter, gauge, histogram, span
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
