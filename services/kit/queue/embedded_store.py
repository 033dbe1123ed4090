"""The SQL of the embedded queue: plain functions over one SQLite connection.

A message is a row in each queue it was routed to. While a consumer works on it the row carries that
consumer's lease and is invisible until the lease runs out; `visible_at` therefore tells both when a
waiting message may be taken and when a taken one is considered abandoned.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from services.kit.queue.policy import Again, GiveUp, died_too_often
from services.kit.queue.port import (
    DeadMessage,
    Envelope,
    Message,
    Stats,
    UnknownQueueError,
    UnroutableError,
)
from services.kit.queue.topology import Topology, matches
from services.kit.sqlite import make_durable

SCHEMA = """
CREATE TABLE IF NOT EXISTS bindings (
    queue TEXT NOT NULL, pattern TEXT NOT NULL, PRIMARY KEY (queue, pattern)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    message_id TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    body TEXT NOT NULL,
    headers TEXT NOT NULL,
    enqueued_at REAL NOT NULL,
    visible_at REAL NOT NULL,
    lease TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    deferrals INTEGER NOT NULL DEFAULT 0,
    redeliveries INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    died_at REAL
);
-- In the order in which messages are taken; with all that `stats` reads, which never opens a body.
CREATE INDEX IF NOT EXISTS messages_line
    ON messages (queue, dead, visible_at, seq, lease, enqueued_at);
DROP INDEX IF EXISTS messages_due; -- of earlier versions
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A message taken for a while, and what proves that it is ours."""

    seq: int
    lease: str
    message: Message
    deferrals: int


@dataclass(frozen=True, slots=True)
class Claims:
    """The answer to a request for work."""

    taken: list[Claim]
    dead: int
    """Messages found to have outlived too many consumers, and buried instead of handed out."""


class Store:
    """The queue's file. Opened in one thread, then used by another: never by two at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Transactions are opened by hand, so that one commit can cover several callers' work.
        self.connection = sqlite3.connect(
            path, isolation_level=None, timeout=15.0, check_same_thread=False
        )
        self.connection.row_factory = sqlite3.Row
        make_durable(self.connection)
        self.connection.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def data_version(self) -> int:
        """A number that changes when another process has committed; costs about 2 µs."""
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    # -- publishing ---------------------------------------------------------------------------

    def declare(self, topology: Topology) -> None:
        """Make the bindings of the topology's queues exactly what it says."""
        for binding in topology.bindings:
            self.connection.execute("DELETE FROM bindings WHERE queue = ?", (binding.queue,))
            self.connection.executemany(
                "INSERT INTO bindings (queue, pattern) VALUES (?, ?)",
                [(binding.queue, pattern) for pattern in binding.patterns],
            )

    def publish(self, envelope: Envelope) -> None:
        """Copy the message into each queue bound to its routing key."""
        bound = self.connection.execute("SELECT queue, pattern FROM bindings").fetchall()
        queues = sorted({q for q, pattern in bound if matches(pattern, envelope.routing_key)})
        if not queues:
            raise UnroutableError(f"no queue is bound to routing key {envelope.routing_key!r}")
        now = time.time()
        body, headers = json.dumps(envelope.body), json.dumps(envelope.headers)
        self.connection.executemany(
            "INSERT INTO messages"
            " (queue, message_id, routing_key, body, headers, enqueued_at, visible_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (queue, envelope.message_id, envelope.routing_key, body, headers, now, now)
                for queue in queues
            ],
        )

    # -- consuming ----------------------------------------------------------------------------

    def next_due(self, queue: str) -> float | None:
        """When the next message of the queue can be taken (Unix seconds), if there is any."""
        row = self.connection.execute(
            "SELECT visible_at FROM messages WHERE queue = ? AND dead = 0"
            " ORDER BY visible_at LIMIT 1",
            (queue,),
        ).fetchone()
        return None if row is None else float(row[0])

    def claim(self, queue: str, limit: int, lease_seconds: float, max_redeliveries: int) -> Claims:
        """Take up to `limit` due messages for `lease_seconds`."""
        now, lease = time.time(), uuid.uuid4().hex
        rows = self.connection.execute(
            "SELECT * FROM messages WHERE queue = ? AND dead = 0 AND visible_at <= ?"
            " ORDER BY visible_at, seq LIMIT ?",
            (queue, now, limit),
        ).fetchall()

        def worn(row: sqlite3.Row) -> bool:
            return row["lease"] is not None and row["redeliveries"] >= max_redeliveries

        deadly = [row for row in rows if worn(row)]
        good = [row for row in rows if not worn(row)]
        self.connection.executemany(
            "UPDATE messages SET dead = 1, lease = NULL, died_at = ?, reason = ? WHERE seq = ?",
            [(now, died_too_often(row["redeliveries"] + 1), row["seq"]) for row in deadly],
        )
        self.connection.executemany(
            "UPDATE messages SET redeliveries = redeliveries + (lease IS NOT NULL),"
            " lease = ?, visible_at = ? WHERE seq = ?",
            [(lease, now + lease_seconds, row["seq"]) for row in good],
        )
        taken = [Claim(row["seq"], lease, _message(row), row["deferrals"]) for row in good]
        return Claims(taken, len(deadly))

    def extend(self, claims: Iterable[Claim], lease_seconds: float) -> None:
        """Keep messages that are still being worked on."""
        until = time.time() + lease_seconds
        self.connection.executemany(
            "UPDATE messages SET visible_at = ? WHERE seq = ? AND lease = ?",
            [(until, claim.seq, claim.lease) for claim in claims],
        )

    def acknowledge(self, claim: Claim) -> bool:
        """Remove a handled message. False if the lease had been lost meanwhile."""
        done = self.connection.execute(
            "DELETE FROM messages WHERE seq = ? AND lease = ?", (claim.seq, claim.lease)
        )
        return done.rowcount == 1

    def give_back(self, claim: Claim, verdict: Again) -> None:
        """Make the message available again after a pause, counting why."""
        self.connection.execute(
            "UPDATE messages SET lease = NULL, visible_at = ?, failures = failures + ?,"
            " deferrals = deferrals + ? WHERE seq = ? AND lease = ?",
            (
                time.time() + verdict.pause_seconds,
                verdict.failed,
                verdict.deferred,
                claim.seq,
                claim.lease,
            ),
        )

    def bury(self, claim: Claim, verdict: GiveUp) -> bool:
        """Make the message a dead letter. False if the lease had been lost meanwhile."""
        done = self.connection.execute(
            "UPDATE messages SET dead = 1, lease = NULL, reason = ?, died_at = ?,"
            " failures = failures + ? WHERE seq = ? AND lease = ?",
            (verdict.reason, time.time(), verdict.failed, claim.seq, claim.lease),
        )
        return done.rowcount == 1

    # -- looking ------------------------------------------------------------------------------

    def queues(self) -> list[str]:
        """The names of all declared queues."""
        rows = self.connection.execute("SELECT DISTINCT queue FROM bindings ORDER BY queue")
        return [str(row[0]) for row in rows]

    def require(self, queue: str) -> None:
        """Raise `UnknownQueueError` unless the queue has been declared."""
        if queue not in self.queues():
            raise UnknownQueueError(f"no queue is called {queue!r}; known: {self.queues()}")

    def stats(self) -> list[Stats]:
        """Depth, age and dead letters of every declared queue."""
        now = time.time()
        rows = self.connection.execute(
            "SELECT queue, sum(waiting), min(CASE WHEN waiting THEN enqueued_at END), sum(dead)"
            " FROM (SELECT queue, dead, enqueued_at,"
            " dead = 0 AND (lease IS NULL OR visible_at <= ?) AS waiting"
            " FROM messages INDEXED BY messages_line) GROUP BY queue",
            (now,),
        )
        found = {row[0]: tuple(row)[1:] for row in rows}
        answer = []
        for queue in self.queues():
            depth, oldest, dead = found.get(queue, (0, None, 0))
            age = 0.0 if oldest is None else max(0.0, now - oldest)
            answer.append(Stats(queue, depth, age, dead))
        return answer

    def peek(self, queue: str, limit: int) -> list[Message]:
        """Messages that could be taken now, next one first."""
        self.require(queue)
        rows = self.connection.execute(
            "SELECT * FROM messages WHERE queue = ? AND dead = 0 AND visible_at <= ?"
            " ORDER BY visible_at, seq LIMIT ?",
            (queue, time.time(), limit),
        )
        return [_message(row) for row in rows]

    def dead(self, queue: str, limit: int) -> list[DeadMessage]:
        """Dead letters, first one first."""
        self.require(queue)
        rows = self.connection.execute(
            "SELECT * FROM messages WHERE queue = ? AND dead = 1 ORDER BY died_at, seq LIMIT ?",
            (queue, limit),
        )
        return [
            # A dead letter tells how often it was tried, not which try would come next.
            DeadMessage(_message(row, tries=row["failures"]), row["reason"], row["died_at"])
            for row in rows
        ]

    def replay(self, queue: str, message_id: str | None) -> int:
        """Put dead letters back with all counts at zero."""
        self.require(queue)
        now = time.time()
        done = self.connection.execute(
            "UPDATE messages SET dead = 0, reason = NULL, died_at = NULL, lease = NULL,"
            " failures = 0, deferrals = 0, redeliveries = 0, enqueued_at = :now, visible_at = :now"
            " WHERE queue = :queue AND dead = 1 AND (:id IS NULL OR message_id = :id)",
            {"now": now, "queue": queue, "id": message_id},
        )
        return done.rowcount


def _message(row: sqlite3.Row, *, tries: int = 0) -> Message:
    return Message(
        id=row["message_id"],
        routing_key=row["routing_key"],
        body=json.loads(row["body"]),
        headers=json.loads(row["headers"]),
        attempt=tries or row["failures"] + 1,
        enqueued_at=row["enqueued_at"],
    )
