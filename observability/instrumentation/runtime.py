"""The interpreter and the process: event-loop lag, pauses of garbage collection, resources."""

import asyncio
import gc
import os
import threading
from bisect import bisect_left
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from weakref import WeakSet

from prometheus_client import GCCollector, Metric, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from observability.instrumentation import metrics

LAG_INTERVAL_SECONDS = 0.25
PAUSE_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
GENERATIONS = 3

_lag = metrics.histogram(
    "python_event_loop_lag_seconds",
    "Seconds that the event loop woke later than asked, measured four times a second.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
_watched: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


@asynccontextmanager
async def watch_event_loop() -> AsyncGenerator[None, None]:
    """Measure the lag of the running event loop while the block runs, once per loop."""
    loop = asyncio.get_running_loop()
    if loop in _watched:
        yield
        return
    _watched.add(loop)
    task = loop.create_task(_measure_lag(loop), name="belfry-event-loop-lag")
    try:
        yield
    finally:
        _watched.discard(loop)
        task.cancel()


async def _measure_lag(loop: asyncio.AbstractEventLoop) -> None:
    while True:
        due = loop.time() + LAG_INTERVAL_SECONDS
        await asyncio.sleep(LAG_INTERVAL_SECONDS)
        _lag.observe(max(loop.time() - due, 0.0))


class GarbagePauses(Collector):
    """How long each garbage collection held the interpreter, by generation.

    A collection can begin anywhere, also while a metric's lock is held: so this one counts
    without locks (collections never overlap).
    """

    def __init__(self) -> None:
        self._counts = [[0] * (len(PAUSE_BUCKETS) + 1) for _ in range(GENERATIONS)]
        self._sums = [0.0] * GENERATIONS
        self._start = 0.0

    def observe(self, phase: str, info: dict[str, Any]) -> None:
        """Be told of a collection's start and stop (one of ``gc.callbacks``)."""
        if phase == "start":
            self._start = perf_counter()
            return
        seconds = perf_counter() - self._start
        generation = info["generation"]
        self._sums[generation] += seconds
        self._counts[generation][bisect_left(PAUSE_BUCKETS, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield the one histogram."""
        family = HistogramMetricFamily(
            "python_gc_pause_seconds",
            "Seconds that a garbage collection held the interpreter.",
            labels=["generation"],
        )
        for generation in range(GENERATIONS):
            total = 0
            buckets: list[tuple[str, float]] = []
            for bound, count in zip(
                (*PAUSE_BUCKETS, float("inf")), self._counts[generation], strict=True
            ):
                total += count
                buckets.append(("+Inf" if bound == float("inf") else str(bound), total))
            family.add_metric([str(generation)], buckets, self._sums[generation])
        yield family


class Disk(Collector):
    """Space on the disk that holds what the service writes.

    Args:
        folder: where it writes; need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        """Yield free space and size; nothing where the system does not tell."""
        folder = next((one for one in (self._folder, *self._folder.parents) if one.exists()), None)
        if folder is None:
            return
        space, device = os.statvfs(folder), str(folder.stat().st_dev)
        for name, doc, blocks in (
            ("free", "Bytes that the service may still write to its disk.", space.f_bavail),
            ("size", "Bytes that the disk of the service holds.", space.f_blocks),
        ):
            family = GaugeMetricFamily(f"system_filesystem_{name}_bytes", doc, labels=["device"])
            family.add_metric([device], blocks * space.f_frsize)
            yield family


_installed = threading.Event()


def install() -> None:
    """Register what is measured of the process, once."""
    if _installed.is_set():
        return
    _installed.set()
    pauses = GarbagePauses()
    gc.callbacks.append(pauses.observe)
    metrics.registry.register(pauses)
    metrics.registry.register(Disk(Path(os.environ.get("BELFRY_AUDIT_DIR") or ".").absolute()))
    ProcessCollector(registry=metrics.registry)
    PlatformCollector(registry=metrics.registry)
    GCCollector(registry=metrics.registry)
