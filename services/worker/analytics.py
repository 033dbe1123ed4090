"""The task of the queue `analytics`: how often each event happened."""

from observability import counter
from services.kit.database import Database
from services.kit.outbox import first_time
from services.kit.problems import Problem
from services.kit.queue import Message, TryLaterError
from services.worker.model import EventCount, Inbox

QUEUE = "analytics"
EVENTS = counter("shop_events_total", "Events counted by analytics.", ["event"])


class CountEvents:
    """Counts events.

    Args:
        db: the worker's database.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    async def handle(self, message: Message) -> None:
        """Count an event, once however often it is told."""
        event = message.routing_key
        insert = self._db.insert(EventCount).values(event=event, count=1)
        added = insert.on_conflict_do_update(
            index_elements=["event"], set_={"count": EventCount.count + 1}
        )
        try:
            async with self._db.session() as session:
                new = await first_time(session, self._db, Inbox, QUEUE, message.id)
                if new:
                    await session.execute(added)
        except Problem as problem:
            raise TryLaterError(str(problem)) from problem
        if new:
            EVENTS.labels(event).inc()
