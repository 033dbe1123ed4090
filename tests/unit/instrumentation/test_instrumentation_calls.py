"""What leaves the service: messages and statements. One trace throughout."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from observability import (
    QueueStats,
    capture_context,
    continued,
    current_trace_id,
    dead_lettered,
    instrument_engine,
    observe_queues,
    process_span,
    publish_span,
    span,
)
from observability.instrumentation.database import summarize
from tests.unit.instrumentation.conftest import Observed, context_ids

Observe = Callable[[FastAPI], Observed]


async def test_a_cancelled_handler_has_neither_succeeded_nor_failed(observe: Observe) -> None:
    """A worker that stops is no error of the messages that it puts back."""
    observed = observe(FastAPI())

    async def handle() -> None:
        with process_span("stopping", {}):
            await asyncio.sleep(60)

    handling = asyncio.create_task(handle())
    await asyncio.sleep(0.05)
    handling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await handling
    [process] = observed.spans
    assert process.status.status_code is StatusCode.UNSET
    name = "messaging_process_duration_seconds_count"
    labels = {"messaging_destination_name": "stopping"}
    assert await observed.value(name, **labels, outcome="cancelled") == 1
    assert await observed.value(name, **labels, outcome="error") == 0


async def test_a_message_is_one_trace_from_producer_to_consumer(observe: Observe) -> None:
    """The consumer is the producer's child and linked to it, with its waiting time."""
    observed = observe(FastAPI())
    headers: dict[str, str] = {}
    stored: dict[str, str] = {}
    with span("request"):
        capture_context(stored)
    with continued(stored), publish_span("orders", headers, "m1", "order.placed"):
        assert float(headers["enqueued-at"]) <= time.time()
    headers["enqueued-at"] = repr(time.time() - 5)
    with process_span("orders", headers, "m1", attempt=2):
        inside = current_trace_id()
    request, publish, process = observed.spans
    assert (publish.name, process.name) == ("publish orders", "process orders")
    assert (publish.kind, process.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert publish.parent is not None
    assert process.parent is not None
    assert publish.parent.span_id == context_ids(request)[1]
    assert process.parent.span_id == context_ids(publish)[1]
    assert [link.context.span_id for link in process.links] == [context_ids(publish)[1]]
    assert inside == f"{context_ids(request)[0]:032x}"
    attributes = dict(process.attributes or {})
    waited = attributes["messaging.message.wait_seconds"]
    assert isinstance(waited, float)
    assert waited == pytest.approx(5, abs=1)
    assert attributes["messaging.message.delivery_attempt"] == 2
    assert await observed.value("messaging_publish_total", messaging_destination_name="orders") >= 1


async def test_a_failed_handler_is_an_error_and_passes_through(observe: Observe) -> None:
    """The outcome is a label, the exception is on the span and goes on to the consumer."""
    observed = observe(FastAPI())
    with pytest.raises(KeyError), process_span("failing", {}):
        raise KeyError("x")
    [process] = observed.spans
    assert process.status.status_code is StatusCode.ERROR
    assert process.links == ()
    name = "messaging_process_duration_seconds_count"
    labels = {"messaging_destination_name": "failing"}
    assert await observed.value(name, **labels, outcome="error") == 1
    dead_lettered("failing")
    assert await observed.value("messaging_dead_letter_total", **labels) == 1


async def test_headers_that_make_no_sense_start_a_new_trace(observe: Observe) -> None:
    """A message from elsewhere is processed all the same."""
    observed = observe(FastAPI())
    with process_span("strange", {"traceparent": "zz", "enqueued-at": "yesterday"}):
        assert current_trace_id() is not None
    [process] = observed.spans
    assert process.parent is None
    assert "messaging.message.wait_seconds" not in dict(process.attributes or {})


async def test_queues_are_read_at_each_scrape(observe: Observe) -> None:
    """Depth and age are shown; a failing or hanging reader leaves what was read before."""
    observed = observe(FastAPI())
    state = {"depth": 3, "fail": False}

    def read() -> list[QueueStats]:
        if state["fail"]:
            raise OSError("queue is gone")
        return [QueueStats("test-shipping", state["depth"], 1.5)]

    observe_queues(read)
    labels = {"messaging_destination_name": "test-shipping"}
    assert await observed.value("messaging_queue_depth", **labels) == 3
    assert await observed.value("messaging_queue_oldest_message_age_seconds", **labels) == 1.5
    state["depth"] = 4
    assert await observed.value("messaging_queue_depth", **labels) == 4
    state["fail"] = True
    assert await observed.value("messaging_queue_depth", **labels) == 4


async def test_statements_have_spans_inside_a_trace_and_always_a_metric(
    observe: Observe, tmp_path: Path
) -> None:
    """Operation and table are shown, values never; a polling loop makes no traces of its own."""
    observed = observe(FastAPI())
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}")
    instrument_engine(engine, namespace="test-shop")
    instrument_engine(engine, namespace="test-shop")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE users (name TEXT)"))
        with span("sign_up"):
            await connection.execute(text("INSERT INTO users VALUES (:name)"), {"name": "secret"})
        with span("fails"), pytest.raises(OperationalError):
            await connection.execute(text("SELECT * FROM missing"))
        here = {"db_namespace": "test-shop"}
        assert await observed.value("db_client_connection_count", state="used", **here) == 1
        # five, and ten more in a rush: what SQLAlchemy does unless told otherwise
        assert await observed.value("db_client_connection_max", **here) == 15
    insert = observed.span("INSERT users")
    assert dict(insert.attributes or {}) == {
        "db.system.name": "sqlite",
        "db.namespace": "test-shop",
        "db.operation.name": "INSERT",
        "db.query.summary": "INSERT users",
    }
    assert insert.kind is SpanKind.CLIENT
    assert observed.span("SELECT missing").status.status_code is StatusCode.ERROR
    assert not [one for one in observed.spans if one.name.startswith("CREATE")]
    name = "db_client_operation_duration_seconds_count"
    assert await observed.value(name, db_operation_name="CREATE", db_namespace="test-shop") == 1
    assert await observed.value("telemetry_errors_total", component="database") == 0
    await engine.dispose()


async def test_synchronous_engines_and_pools_without_counts_work(observe: Observe) -> None:
    """An engine whose pool keeps nothing has statements counted and no pool gauges."""
    observed = observe(FastAPI())
    engine = create_engine("sqlite://", poolclass=NullPool)
    instrument_engine(engine, namespace="test-sync")
    with engine.connect() as connection, span("look"):
        connection.execute(text("SELECT 1"))
    assert observed.span("SELECT").parent is not None
    assert not await observed.samples("db_client_connection_count", db_namespace="test-sync")
    assert not await observed.samples("db_client_connection_max", db_namespace="test-sync")


@pytest.mark.parametrize(
    ("statement", "operation", "summary"),
    [
        ("SELECT a.x FROM users AS a WHERE a.x = ?", "SELECT", "SELECT users"),
        ('insert into "order" values (?)', "INSERT", "INSERT order"),
        ("UPDATE stock SET n = ?", "UPDATE", "UPDATE stock"),
        ("COMMIT;", "COMMIT", "COMMIT"),
        ("secret nonsense", "OTHER", "OTHER"),
        ("", "OTHER", "OTHER"),
    ],
)
def test_statements_are_summarized(statement: str, operation: str, summary: str) -> None:
    """The operation is one of a bounded set; the summary has no values."""
    assert summarize(statement) == (operation, summary)
