"""SQLAlchemy engines: a span and a metric for each statement, and the use of the pool.

Loaded only by services that have an engine: SQLAlchemy is not needed otherwise.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine

from observability.instrumentation import metrics
from observability.instrumentation.health import process
from observability.instrumentation.tracing import tracer

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, ExceptionContext

OPERATIONS = frozenset(
    (
        *("SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "WITH", "COPY", "CALL"),
        *("CREATE", "ALTER", "DROP", "TRUNCATE", "VACUUM", "ANALYZE", "PRAGMA", "SET", "SHOW"),
        *("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "LOCK", "EXPLAIN"),
    )
)
_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE|TABLE|JOIN)\s+(["`\[]?[\w.]+["`\]]?)', re.IGNORECASE)
# Where a connection keeps its running statement; it has one at a time.
_RUNNING = "belfry_statement"

_duration = metrics.histogram(
    "db_client_operation_duration_seconds",
    "Seconds that a statement took.",
    ("db_system_name", "db_namespace", "db_operation_name"),
)


def instrument_engine(
    engine: Engine | AsyncEngine, *, system: str = "sqlite", namespace: str
) -> None:
    """Observe each statement of an engine; repeated calls for one engine change nothing.

    A statement gets a span only inside another span: a loop that looks for work would fill
    the store with traces of one statement each. Parameter values are never recorded.

    Args:
        engine: SQLAlchemy's, synchronous or asyncio.
        system: the database, such as ``sqlite`` or ``postgresql``.
        namespace: the database's name within it; usually the service that owns it.
    """
    sync_engine = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    if sync_engine in _pools.namespaces:
        return
    observer = _Observer(system, namespace)
    event.listen(sync_engine, "before_cursor_execute", observer.before)
    event.listen(sync_engine, "after_cursor_execute", observer.after)
    event.listen(sync_engine, "handle_error", observer.failed)
    _pools.namespaces[sync_engine] = namespace


class _Statement(NamedTuple):
    """A statement that was begun."""

    start: float
    operation: str
    span: Span | None


class _Observer:
    """Listens to one engine; what it is called with is SQLAlchemy's to say."""

    def __init__(self, system: str, namespace: str) -> None:
        self._system = system
        self._namespace = namespace

    def before(self, connection: Connection, _: Any, statement: str, *__: Any) -> None:
        try:
            operation, summary = summarize(statement)
            span = self._start_span(operation, summary)
            interrupted = connection.info.get(_RUNNING)
            if interrupted is not None and interrupted.span is not None:
                interrupted.span.end()
            connection.info[_RUNNING] = _Statement(perf_counter(), operation, span)
        except Exception as error:
            process.failed("database", error)

    def after(self, connection: Connection, *_: Any) -> None:
        try:
            self._finish(connection, None)
        except Exception as error:
            process.failed("database", error)

    def failed(self, context: ExceptionContext) -> None:
        try:
            if context.connection is not None and context.statement is not None:
                self._finish(context.connection, context.original_exception)
        except Exception as error:
            process.failed("database", error)

    def _start_span(self, operation: str, summary: str) -> Span | None:
        if not trace.get_current_span().is_recording():
            return None
        attributes = {
            "db.system.name": self._system,
            "db.namespace": self._namespace,
            "db.operation.name": operation,
            "db.query.summary": summary,
        }
        return tracer().start_span(summary, kind=SpanKind.CLIENT, attributes=attributes)

    def _finish(self, connection: Connection, error: BaseException | None) -> None:
        running: _Statement | None = connection.info.pop(_RUNNING, None)
        if running is None:
            return
        duration = perf_counter() - running.start
        _duration.labels(self._system, self._namespace, running.operation).observe(duration)
        if running.span is None:
            return
        if error is not None:
            running.span.set_attribute("error.type", type(error).__qualname__)
            running.span.set_status(StatusCode.ERROR, type(error).__qualname__)
        running.span.end()


@functools.lru_cache(maxsize=1024)
def summarize(statement: str) -> tuple[str, str]:
    """Return a statement's operation, one of a bounded set, and a summary: ``SELECT users``."""
    words = statement.split(None, 1)
    operation = words[0].upper().rstrip(";") if words else ""
    if operation not in OPERATIONS:
        return "OTHER", "OTHER"
    table = _TABLE.search(statement)
    return operation, f"{operation} {table[1].strip(chr(34) + '`[]')}" if table else operation


class _Pools(Collector):
    """Connections of each engine's pool, by state."""

    def __init__(self) -> None:
        self.namespaces: WeakKeyDictionary[Engine, str] = WeakKeyDictionary()

    def collect(self) -> Iterator[Metric]:
        totals: dict[tuple[str, str], int] = {}
        limits: dict[str, int] = {}
        for engine, namespace in list(self.namespaces.items()):
            pool: Any = engine.pool
            for name, read in (("used", "checkedout"), ("idle", "checkedin")):
                # Pools that keep no connections do not count them either.
                count = getattr(pool, read, None)
                if count is not None:
                    key = (namespace, name)
                    totals[key] = totals.get(key, 0) + count()
            limit = _limit(pool)
            if limit is not None:
                limits[namespace] = limits.get(namespace, 0) + limit
        family = GaugeMetricFamily(
            "db_client_connection_count",
            "Connections of the pool, in use or idle.",
            labels=["db_namespace", "state"],
        )
        for key, count in sorted(totals.items()):
            family.add_metric(key, count)
        yield family
        most = GaugeMetricFamily(
            "db_client_connection_max",
            "Connections that the pool opens at most.",
            labels=["db_namespace"],
        )
        for namespace, limit in sorted(limits.items()):
            most.add_metric([namespace], limit)
        yield most


def _limit(pool: Any) -> int | None:
    """How many connections a pool opens at most; None if there is no limit, or none is kept."""
    size = getattr(pool, "size", None)
    overflow = getattr(pool, "_max_overflow", -1)  # SQLAlchemy tells it nowhere else
    return None if size is None or overflow < 0 else size() + overflow


_pools = _Pools()
metrics.registry.register(_pools)
