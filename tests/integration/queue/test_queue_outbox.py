"""Outbox and inbox on SQLite and PostgreSQL: published if and only if committed; handled once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from observability import continued
from observability.instrumentation.metrics import registry
from services.kit.database import Database, utc_now
from services.kit.outbox import (
    ASIDE_FOR,
    BATCH,
    KEEP_SEEN,
    InboxMixin,
    OutboxMixin,
    Relay,
    clean_inbox,
    first_time,
    record,
)
from services.kit.queue import open_queue
from services.kit.queue.port import Queue, QueueError
from services.kit.queue.topology import Binding, Topology
from tests.support.databases import database_url
from tests.support.queues import Received
from tests.support.waiting import eventually_async

__all__ = ["database_url"]

SHAPE = Topology("shop", (Binding("all", ("order.*",)),))
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Base(DeclarativeBase):
    """Tables of a service that does nothing else."""


class Thing(Base):
    """What an event tells of."""

    __tablename__ = "things"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Outbox(OutboxMixin, Base):
    """Events to be published."""


class Inbox(InboxMixin, Base):
    """Messages seen."""


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """The service's database with its tables."""
    db = Database(database_url, "things")
    async with db.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield db
    await db.close()


@pytest.fixture
async def undeclared(tmp_path: Path) -> AsyncIterator[Queue]:
    """A queue that takes nothing yet."""
    queue = open_queue(f"sqlite:///{tmp_path}/queue.db")
    yield queue
    await queue.close()


@pytest.fixture
async def things(undeclared: Queue) -> Queue:
    """A queue that hears all events."""
    await undeclared.declare(SHAPE)
    return undeclared


async def add(db: Database, number: int) -> None:
    """Make a thing and its event in one commit."""
    async with db.session() as session:
        session.add(Thing(id=number))
        record(session, Outbox, "order.placed", {"n": number})


async def sent(queue: Queue) -> list[int]:
    """Which events have been published, in order."""
    return [message.body["n"] for message in await queue.peek("all", limit=1000)]


async def unsent(db: Database) -> int:
    """How many events are still to be published."""
    async with db.read() as session:
        count = select(func.count()).select_from(Outbox).where(Outbox.sent_at.is_(None))
        return await session.scalar(count) or 0


async def test_event_is_published_with_its_commit(db: Database, things: Queue) -> None:
    """After the commit, once, by a relay that was woken."""
    relay = Relay(db, things, Outbox, Inbox)
    received = Received()
    await things.consume("all", received)
    relay.start()
    await add(db, 1)
    relay.wake()
    await received.reaches(1)
    assert received.messages[0].body == {"n": 1}
    await relay.stop()
    assert await unsent(db) == 0
    assert len(received.messages) == 1


async def test_event_of_a_rolled_back_change_is_not_published(db: Database, things: Queue) -> None:
    """No change, no event."""
    with contextlib.suppress(LookupError):
        async with db.session() as session:
            session.add(Thing(id=1))
            record(session, Outbox, "order.placed", {"n": 1})
            raise LookupError
    assert await Relay(db, things, Outbox).send_batch() == 0
    assert await sent(things) == []


async def test_order_is_kept_over_many_batches(db: Database, things: Queue) -> None:
    """A hundred and twenty events, published in the order of their commits."""
    for number in range(120):
        await add(db, number)
    relay = Relay(db, things, Outbox)
    while await relay.send_batch():
        pass
    assert await sent(things) == list(range(120))


async def test_replicas_do_not_publish_twice(db: Database, things: Queue) -> None:
    """Three relays over one outbox: every event once and in order."""
    relays = [Relay(db, things, Outbox) for _ in range(3)]
    for relay in relays:
        relay.start()
    for number in range(60):
        await add(db, number)
        relays[number % 3].wake()
    await asyncio.gather(*(relay.stop() for relay in relays))
    assert await sent(things) == list(range(60))


async def test_events_wait_for_a_queue_that_takes_none(db: Database, undeclared: Queue) -> None:
    """What could not be published is tried again: nothing lost, nothing out of order."""
    for number in range(3):
        await add(db, number)
    relay = Relay(db, undeclared, Outbox)
    with pytest.raises(QueueError):
        await relay.send_batch()
    assert await unsent(db) == 3
    await undeclared.declare(SHAPE)
    assert await relay.send_batch() == 3
    assert await sent(undeclared) == [0, 1, 2]


async def test_an_event_that_no_queue_wants_stops_no_other(
    db: Database, things: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is put aside, and published once there is a queue for it."""
    async with db.session() as session:
        record(session, Outbox, "invoice.sent", {"n": 0})
    for number in range(1, 60):
        await add(db, number)
    relay = Relay(db, things, Outbox)
    while await relay.send_batch():
        pass
    assert await sent(things) == list(range(1, 60))
    assert await unsent(db) == 1
    assert '"event":"outbox_events_unroutable"' in capsys.readouterr().out
    await things.declare(Topology("shop", (Binding("all", ("#",)),)))
    async with db.session() as session:  # a minute later
        await session.execute(update(Outbox).values(claimed_until=utc_now() - ASIDE_FOR))
    assert await relay.send_batch() == 1


async def test_a_batch_that_no_queue_wants_stops_none_after_it(db: Database, things: Queue) -> None:
    """However many they are."""
    async with db.session() as session:
        for number in range(BATCH):
            record(session, Outbox, "invoice.sent", {"n": number})
    await add(db, 1)
    relay = Relay(db, things, Outbox)
    await relay.send_batch()
    assert await relay.send_batch() == 1


async def test_what_waits_in_the_outbox_is_measured_and_said_once(
    db: Database, undeclared: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    """How much, and for how long; both are 0 once the queue takes events again."""
    for number in range(3):
        await add(db, number)
    relay = Relay(db, undeclared, Outbox)
    relay.start()
    await eventually_async(lambda: measured("outbox_unsent_events") == 3)
    await eventually_async(lambda: measured("outbox_oldest_event_age_seconds") > 1.0)
    await undeclared.declare(SHAPE)
    await eventually_async(lambda: measured("outbox_unsent_events") == 0)
    assert measured("outbox_oldest_event_age_seconds") == 0
    await relay.stop()
    written = capsys.readouterr().out
    assert written.count('"event":"outbox_waits"') == 1
    assert written.count('"event":"outbox_goes_on"') == 1


def measured(name: str) -> float:
    """The present value of a gauge."""
    return registry.get_sample_value(name) or 0.0


async def test_messages_seen_long_ago_are_forgotten(db: Database) -> None:
    """Others are not: nobody can send those of last week again."""
    async with db.session() as session:
        for name in ("old", "new"):
            assert await first_time(session, db, Inbox, "a", name)
        old = update(Inbox).where(Inbox.message_id == "old")
        await session.execute(old.values(seen_at=utc_now() - KEEP_SEEN))
    await clean_inbox(db, Inbox)
    async with db.session() as session:
        assert await first_time(session, db, Inbox, "a", "old")
        assert not await first_time(session, db, Inbox, "a", "new")


async def test_stop_publishes_what_is_committed(db: Database, things: Queue) -> None:
    """A stop right after a commit leaves no event behind."""
    relay = Relay(db, things, Outbox)
    relay.start()
    await add(db, 1)
    await relay.stop()
    assert await sent(things) == [1]


async def test_relay_outlives_an_error_that_nobody_thought_of(db: Database, things: Queue) -> None:
    """A table that is gone for a while: afterwards events go out as before."""
    relay = Relay(db, things, Outbox)
    async with db.engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    relay.start()
    await asyncio.sleep(0.1)
    async with db.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    received = Received()
    await things.consume("all", received)
    await add(db, 1)
    await received.reaches(1)
    await relay.stop()


async def test_event_belongs_to_the_trace_of_its_cause(db: Database, things: Queue) -> None:
    """Published later by the relay, it still carries the trace of the request."""
    with continued({"traceparent": PARENT, "baggage": "tier=gold"}):
        await add(db, 1)
    await Relay(db, things, Outbox).send_batch()
    (message,) = await things.peek("all")
    assert message.headers["traceparent"].split("-")[1] == PARENT.split("-")[1]
    assert message.headers["baggage"] == "tier=gold"
    assert float(message.headers["enqueued-at"]) > 0


async def test_message_counts_as_seen_with_its_effect(db: Database) -> None:
    """The first time is the first time; for another consumer it is the first time again."""
    async with db.session() as session:
        assert await first_time(session, db, Inbox, "a", "m1")
    async with db.session() as session:
        assert not await first_time(session, db, Inbox, "a", "m1")
        assert await first_time(session, db, Inbox, "b", "m1")


async def test_message_whose_effect_failed_is_not_seen(db: Database) -> None:
    """Rolled back together: the redelivered message has its effect after all."""
    with contextlib.suppress(LookupError):
        async with db.session() as session:
            assert await first_time(session, db, Inbox, "a", "m1")
            raise LookupError
    async with db.session() as session:
        assert await first_time(session, db, Inbox, "a", "m1")


async def test_copies_handled_at_the_same_time_have_one_effect(db: Database) -> None:
    """Five consumers get copies of one message at once: one of them is first."""

    async def handle(number: int) -> bool:
        async with db.session() as session:
            first = await first_time(session, db, Inbox, "a", "m1")
            if first:
                session.add(Thing(id=number))
                await asyncio.sleep(0.02)
            return first

    assert sum(await asyncio.gather(*(handle(number) for number in range(5)))) == 1
    async with db.read() as session:
        assert await session.scalar(select(func.count()).select_from(Thing)) == 1
