"""Events that are published exactly when what they tell of has been committed; handled once.

**Outbox.** A service writes an event into its own `outbox` table in the transaction of the change
itself (`record`). A `Relay` publishes what is there, in order, and marks it sent once the queue has
confirmed. After a crash in between an event goes out twice, under the same message id.

**Inbox.** A consumer notes each message id in its own `inbox` table in the transaction of the
message's effect (`first_time`): the second copy of a message has none.

    class Outbox(OutboxMixin, Base): ...
    class Inbox(InboxMixin, Base): ...

    async with db.session() as session:
        session.add(order)
        record(session, Outbox, "order.placed", {...})
    relay.wake()
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Index,
    Integer,
    String,
    and_,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, declared_attr, mapped_column

from observability import capture_context, continued, gauge, get_logger
from services.kit.database import Database, UtcDateTime, utc_now
from services.kit.problems import Problem
from services.kit.queue.port import Queue, QueueError, UnroutableError

BATCH = 50
CLAIM = timedelta(seconds=5)
"""How long other replicas leave a dead relay's events alone."""
POLL_SECONDS = 0.5
"""How soon events are found that nobody called `wake` for: a dead process's, another replica's."""
RETRY_SECONDS = 0.5
MEASURE_SECONDS = 2.0
ASIDE = "aside"
"""Has the claim on events that no queue wants."""
ASIDE_FOR = timedelta(minutes=1)
"""How long such an event lets the others pass before it is tried again."""
KEEP_SENT = timedelta(hours=1)
KEEP_SEEN = timedelta(days=7)
"""Far longer than any message stays in a queue."""
CLEAN_EVERY = timedelta(minutes=5)

UNSENT = gauge("outbox_unsent_events", "Events that are committed and not published yet.")
OLDEST = gauge(
    "outbox_oldest_event_age_seconds",
    "How long the oldest event that is not published yet has been waiting; 0 when none is.",
)
log = get_logger(__name__)


class OutboxMixin:
    """Columns of an outbox table."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    message_id: Mapped[str] = mapped_column(String(32), unique=True)
    routing_key: Mapped[str] = mapped_column(String(100))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    """Trace context of the request that caused the event."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    claimed_by: Mapped[str | None] = mapped_column(String(32))
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Index]:
        return (Index("outbox_unsent", "sent_at", "id"),)


class InboxMixin:
    """Columns of an inbox table."""

    __tablename__ = "inbox"

    consumer: Mapped[str] = mapped_column(String(50), primary_key=True)
    message_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)


def record(
    session: AsyncSession, outbox: type[OutboxMixin], routing_key: str, body: dict[str, Any]
) -> None:
    """Write an event into the outbox as part of the session's transaction.

    Args:
        session: in which the change that the event tells of is made.
        outbox: the service's outbox table.
        routing_key: such as `order.paid`.
        body: a JSON object.
    """
    event = outbox()
    event.message_id = uuid.uuid4().hex
    event.routing_key = routing_key
    event.body = body
    event.headers = {}
    capture_context(event.headers)
    session.add(event)


async def first_time(
    session: AsyncSession, db: Database, inbox: type[InboxMixin], consumer: str, message_id: str
) -> bool:
    """Note a message as seen by a consumer; False if it has been seen before.

    Must run in the transaction of the message's effect, so that both happen or neither.
    """
    insert = db.insert(inbox).values(consumer=consumer, message_id=message_id, seen_at=utc_now())
    insert = insert.on_conflict_do_nothing(index_elements=["consumer", "message_id"])
    return await session.scalar(insert.returning(inbox.message_id)) is not None


async def clean_inbox(db: Database, inbox: type[InboxMixin]) -> None:
    """Forget the messages that nobody can send again any more.

    Raises:
        Problem: the database is not available.
    """
    async with db.session() as session:
        await session.execute(delete(inbox).where(inbox.seen_at < utc_now() - KEEP_SEEN))


class Relay:
    """Publishes a service's outbox.

    Replicas may run one each: only one holds the claim on the oldest events at a time. An event
    that no queue wants, though queues want others, is tried again now and then and stops none.

    Args:
        db: the service's database.
        queue: where to publish.
        outbox: the service's outbox table.
        inbox: its inbox table, if it has one, to be cleaned now and then.
    """

    def __init__(
        self,
        db: Database,
        queue: Queue,
        outbox: type[OutboxMixin],
        inbox: type[InboxMixin] | None = None,
    ) -> None:
        self._db = db
        self._queue = queue
        self._outbox = outbox
        self._inbox = inbox
        self._name = uuid.uuid4().hex
        self._wake = asyncio.Event()
        self._cleaned_at = utc_now()
        self._measured_at = -MEASURE_SECONDS
        self._waits_for = ""
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin publishing in the background."""
        self._task = asyncio.create_task(self._run(), name="outbox-relay")

    def wake(self) -> None:
        """Look for events now: one has just been committed."""
        self._wake.set()

    async def stop(self) -> None:
        """Publish what is committed, if the queue lets us, and end."""
        if self._task is not None:
            # Not cancelled: between publishing and marking as sent that would publish twice.
            self._stopping = True
            self._wake.set()
            await self._task
            self._task = None

    async def send_batch(self) -> int:
        """Publish some of the oldest unsent events; returns how many.

        Raises:
            QueueError: the queue did not take one; it and what follows are tried again later.
            Problem: the database is not available.
        """
        rows = await self._claim()
        sent: list[int] = []
        unwanted: dict[int, UnroutableError] = {}
        try:
            for row in rows:
                try:
                    await self._publish(row)
                    sent.append(row.id)
                except UnroutableError as error:
                    unwanted[row.id] = error
        finally:
            # If nothing else gets through either, the queues may be about to be declared: then
            # they keep their places in the line.
            stuck = list(unwanted) if sent or len(unwanted) == BATCH else []
            if rows:
                await self._settle([row.id for row in rows], sent, stuck)
        if unwanted and not stuck:
            raise next(iter(unwanted.values()))
        if stuck:
            log.error("outbox_events_unroutable", events=len(stuck))
        return len(sent)

    async def _publish(self, row: OutboxMixin) -> None:
        with continued(dict(row.headers)):
            await self._queue.publish(row.routing_key, row.body, None, row.message_id)

    async def _run(self) -> None:
        last = False
        while not last:
            last = self._stopping  # then once more, for what was committed meanwhile
            self._wake.clear()
            pause = POLL_SECONDS
            try:
                await self._measure()
                if await self.send_batch() == BATCH:
                    last = False
                    continue
                self._waits("")
                await self._clean()
            except (Problem, QueueError) as error:
                self._waits(str(error))
                pause = RETRY_SECONDS
            except Exception:
                # Whatever it is: were this to end, no event would go out any more.
                log.exception("outbox_failed")
                pause = RETRY_SECONDS
            if not self._stopping:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause)

    def _waits(self, reason: str) -> None:
        """Say when it begins and ends, not twice a second in between."""
        if reason == self._waits_for:
            return
        self._waits_for = reason
        if reason:
            log.warning("outbox_waits", error=reason)
        else:
            log.info("outbox_goes_on")

    async def _measure(self) -> None:
        """Show how much waits, now and then."""
        if time.monotonic() - self._measured_at < MEASURE_SECONDS:
            return
        self._measured_at = time.monotonic()
        waiting = self._outbox.sent_at.is_(None)
        count = select(func.count()).select_from(self._outbox).where(waiting)
        first = select(self._outbox.created_at).where(waiting).order_by(self._outbox.id).limit(1)
        async with self._db.read() as session:
            unsent, oldest = await session.scalar(count), await session.scalar(first)
        UNSENT.set(unsent or 0)
        OLDEST.set((utc_now() - oldest).total_seconds() if oldest else 0)

    async def _claim(self) -> Sequence[OutboxMixin]:
        """The oldest unsent events, ours for a while; none while another replica has some."""
        outbox, now = self._outbox, utc_now()
        async with self._db.read() as session:
            if not await session.scalar(select(exists().where(outbox.sent_at.is_(None)))):
                return ()
        aside = and_(outbox.claimed_by == ASIDE, outbox.claimed_until > now)
        in_line = and_(outbox.sent_at.is_(None), func.coalesce(~aside, True))
        oldest = select(outbox.id).where(in_line).order_by(outbox.id).limit(BATCH)
        other = aliased(outbox)
        held = exists().where(
            other.sent_at.is_(None),
            other.claimed_until > now,
            other.claimed_by.not_in([self._name, ASIDE]),
        )
        claim = (
            update(outbox)
            .where(outbox.id.in_(oldest.scalar_subquery()), ~held, outbox.sent_at.is_(None))
            .values(claimed_by=self._name, claimed_until=now + CLAIM)
            .returning(outbox)
            .execution_options(synchronize_session=False)
        )
        # Replicas take turns at the oldest event, so that the second one sees the first one's claim
        # (on SQLite the transaction itself lets only one in).
        turn = oldest.limit(1).with_for_update()
        async with self._db.session() as session:
            await session.execute(turn)
            rows = (await session.scalars(claim)).all()
        return sorted(rows, key=lambda row: row.id)

    async def _settle(self, claimed: list[int], sent: list[int], stuck: list[int]) -> None:
        """Mark what has been sent, put aside what cannot be, and let go of the rest."""
        outbox, now = self._outbox, utc_now()
        left = [one for one in claimed if one not in sent and one not in stuck]
        changes: list[tuple[list[int], dict[str, Any]]] = [
            (sent, {"sent_at": now}),
            (stuck, {"claimed_by": ASIDE, "claimed_until": now + ASIDE_FOR}),
            (left, {"claimed_until": None}),
        ]
        async with self._db.session() as session:
            for ids, values in changes:
                if ids:
                    await session.execute(
                        update(outbox)
                        .where(outbox.id.in_(ids), outbox.claimed_by == self._name)
                        .values(**values)
                        .execution_options(synchronize_session=False)
                    )

    async def _clean(self) -> None:
        """Forget what nobody will ask about any more."""
        now = utc_now()
        if now - self._cleaned_at < CLEAN_EVERY:
            return
        self._cleaned_at = now
        async with self._db.session() as session:
            old = self._outbox.sent_at < now - KEEP_SENT
            await session.execute(delete(self._outbox).where(old))
        if self._inbox is not None:
            await clean_inbox(self._db, self._inbox)
