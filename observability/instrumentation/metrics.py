"""Metrics of the application and of the library: bounded label sets, exemplars by themselves.

What is made here belongs to the process (modules define metrics when they are imported,
before any app exists) and is shown on ``/metrics`` of every instrumented app in it.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Generic, Self, TypeVar, cast

import prometheus_client
from opentelemetry.trace import SpanContext

from observability.instrumentation.health import process
from observability.instrumentation.registry import GuardedRegistry
from observability.instrumentation.tracing import exemplar

OVERFLOW = "_overflow"
MAX_LABEL_SETS = 1000
DURATION_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075),
    *(0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)

# A `_created` series beside each counter and histogram would double what is stored.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped there

registry = GuardedRegistry()

Inner = TypeVar(
    "Inner", prometheus_client.Counter, prometheus_client.Gauge, prometheus_client.Histogram
)


class _Metric(Generic[Inner]):
    """A metric of prometheus-client that cannot raise into the application.

    Label sets beyond the bound share one ``_overflow`` child and are counted.
    """

    def __init__(
        self, inner: Inner, names: Sequence[str] = (), max_label_sets: int = MAX_LABEL_SETS
    ) -> None:
        self._inner: Inner = inner
        self._names = tuple(names)
        self._max = max_label_sets
        self._children: dict[tuple[str, ...], Self] = {}

    def labels(self, *values: object, **named: object) -> Self:
        """Return the child with these label values, given in order or by name."""
        try:
            if named:
                values = tuple([named[name] for name in self._names if name in named])
            key = tuple(map(str, values))
            return self._children.get(key) or self._add(key)
        except Exception as error:
            process.failed("metrics", error)
            return self

    def remove(self, *values: object) -> None:
        """Forget the child with these label values; its series ends."""
        key = tuple(map(str, values))
        if self._children.pop(key, None) is not None:
            self._inner.remove(*key)

    def _add(self, key: tuple[str, ...]) -> Self:
        if len(key) == len(self._names) and len(self._children) >= self._max:
            process.drop("metrics", "cardinality")
            key = (OVERFLOW,) * len(key)
            if key in self._children:
                return self._children[key]
        child = type(self)(self._inner.labels(*key))
        self._children[key] = child
        return child


class Counter(_Metric[prometheus_client.Counter]):
    """A count that only grows; :func:`counter` makes one."""

    def inc(self, amount: float = 1.0) -> None:
        """Count ``amount`` more, with the current sampled span as exemplar."""
        try:
            self._inner.inc(amount, exemplar())
        except Exception as error:
            process.failed("metrics", error)


class Gauge(_Metric[prometheus_client.Gauge]):
    """A value that goes up and down; :func:`gauge` makes one."""

    def set(self, value: float) -> None:
        """Set the value."""
        self._guarded(self._inner.set, value)

    def inc(self, amount: float = 1.0) -> None:
        """Add to the value."""
        self._guarded(self._inner.inc, amount)

    def dec(self, amount: float = 1.0) -> None:
        """Subtract from the value."""
        self._guarded(self._inner.dec, amount)

    def set_function(self, read: Callable[[], float]) -> None:
        """Read the value at each scrape by calling ``read``; it reads NaN when that raises."""

        def guarded() -> float:
            try:
                return float(read())
            except Exception as error:
                process.failed("metrics", error)
                return float("nan")

        self._inner.set_function(guarded)

    def _guarded(self, change: Callable[[float], None], amount: float) -> None:
        try:
            change(amount)
        except Exception as error:
            process.failed("metrics", error)


class Histogram(_Metric[prometheus_client.Histogram]):
    """A distribution of values; :func:`histogram` makes one."""

    def observe(self, value: float, context: SpanContext | None = None) -> None:
        """Add one value.

        Args:
            value: the value.
            context: of the span that becomes the exemplar if it is sampled, by default the
                current one.
        """
        try:
            self._inner.observe(value, exemplar(context))
        except Exception as error:
            process.failed("metrics", error)

    @contextmanager
    def time(self) -> Generator[None, None, None]:
        """Observe how many seconds the block takes, also when it raises."""
        start = perf_counter()
        try:
            yield
        finally:
            self.observe(perf_counter() - start)


_defined: dict[str, tuple[tuple[object, ...], _Metric[Any]]] = {}
_defining = threading.Lock()


def counter(
    name: str,
    doc: str,
    labels: Iterable[str] = (),
    *,
    shown: Iterable[str] = (),
    max_label_sets: int = MAX_LABEL_SETS,
) -> Counter:
    """Define a counter, or return the one already defined so.

    Args:
        name: with the ``_total`` suffix, as it is shown.
        doc: what it counts, for people.
        labels: names of its labels.
        shown: values of its only label that are shown as 0 from the start, so that the first of
            their kind is an increase.
        max_label_sets: beyond so many, new ones share one child labelled ``_overflow``.

    Raises:
        ValueError: a bad name, or one already defined as something else.
    """
    names = tuple(labels)

    def make() -> Counter:
        inner = prometheus_client.Counter(name, doc, names, registry=registry)
        return Counter(inner, names, max_label_sets)

    made = cast("Counter", _define(name, (Counter, names), make))
    for value in shown:
        made.labels(value)
    return made


def gauge(
    name: str, doc: str, labels: Iterable[str] = (), *, max_label_sets: int = MAX_LABEL_SETS
) -> Gauge:
    """Define a gauge; arguments and errors as for :func:`counter`."""
    names = tuple(labels)

    def make() -> Gauge:
        inner = prometheus_client.Gauge(name, doc, names, registry=registry)
        return Gauge(inner, names, max_label_sets)

    return cast("Gauge", _define(name, (Gauge, names), make))


def histogram(
    name: str,
    doc: str,
    labels: Iterable[str] = (),
    buckets: Sequence[float] = DURATION_BUCKETS,
    *,
    max_label_sets: int = MAX_LABEL_SETS,
) -> Histogram:
    """Define a histogram; ``buckets`` are upper bounds, by default for seconds.

    Other arguments and errors as for :func:`counter`.
    """
    names = tuple(labels)

    def make() -> Histogram:
        inner = prometheus_client.Histogram(name, doc, names, registry=registry, buckets=buckets)
        return Histogram(inner, names, max_label_sets)

    return cast("Histogram", _define(name, (Histogram, names, tuple(buckets)), make))


def _define(name: str, shape: tuple[object, ...], make: Callable[[], _Metric[Any]]) -> _Metric[Any]:
    with _defining:
        known = _defined.get(name)
        if known is None:
            known = _defined[name] = (shape, make())
        if known[0] != shape:
            raise ValueError(f"metric {name} is already defined with another kind or labels")
        return known[1]
