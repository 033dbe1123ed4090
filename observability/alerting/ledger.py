"""What is kept beside notifications, in the same file: evidence, incidents, deliveries, acts."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from observability.alerting.evidence.model import Evidence

_SCHEMA = """
CREATE TABLE IF NOT EXISTS evidence (
    notification INTEGER PRIMARY KEY,
    document TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS incidents (
    id TEXT PRIMARY KEY,
    group_key TEXT NOT NULL,
    ended_at REAL
);
CREATE INDEX IF NOT EXISTS incidents_open ON incidents (group_key) WHERE ended_at IS NULL;
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,
    incident TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('firing', 'resolved')),
    kind TEXT NOT NULL DEFAULT 'news',
    left_out INTEGER NOT NULL DEFAULT 0,
    notifications TEXT NOT NULL,
    created_at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL DEFAULT 0,
    failing_since REAL,
    error TEXT NOT NULL DEFAULT '',
    done_at REAL
);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (receiver, state, id);
CREATE INDEX IF NOT EXISTS deliveries_of ON deliveries (incident, receiver, id);
CREATE TABLE IF NOT EXISTS acts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    notification INTEGER NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    note TEXT NOT NULL,
    silence TEXT NOT NULL,
    until TEXT
);
CREATE INDEX IF NOT EXISTS acts_of ON acts (notification);
"""

# Columns that files of before do not have.
_ADDED = (
    "ALTER TABLE deliveries ADD COLUMN kind TEXT NOT NULL DEFAULT 'news'",
    "ALTER TABLE deliveries ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0",
    "UPDATE deliveries SET kind = 'over' WHERE status = 'resolved'",
    # it was the group's key, which is no good as a name
    "UPDATE deliveries SET incident = 'g' || first.id FROM"
    " (SELECT incident AS key, MIN(id) AS id FROM deliveries GROUP BY incident) AS first"
    " WHERE first.key = deliveries.incident",
)

ActKind = Literal["acknowledged", "silenced", "unsilenced"]
Kind = Literal["news", "reminder", "end", "over"]
"""Of a message: alerts that the receiver does not know, ones that still fire, ones that ended
while others fire, and all of an incident that is over."""


class Act(BaseModel):
    """What a person did about an incident; `silence` is Alertmanager's id of it."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    kind: ActKind
    actor: str
    note: str = ""
    silence: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Queued:
    """A message before it has a number: about which notifications, by the firing one's id.

    `left_out` counts alerts that Alertmanager or the inbox could not hand on.
    """

    kind: Kind
    notifications: list[int]
    left_out: int = 0


@dataclass(frozen=True)
class Delivery:
    """One message to one receiver; times in unix seconds."""

    id: int
    receiver: str
    incident: str
    message: Queued
    created_at: float
    state: str
    attempts: int
    next_at: float
    failing_since: float | None
    error: str
    done_at: float | None


class Ledger:
    """The inbox's file, for reading and writing. Calls block for the time of a small query.

    Safe to use from several threads and processes.
    """

    def __init__(self, path: Path) -> None:
        """Open the inbox's file and add what is missing.

        Raises:
            sqlite3.OperationalError: The file does not exist or cannot be written.
        """
        uri = f"{path.absolute().as_uri()}?mode=rw"
        self._db = sqlite3.connect(uri, uri=True, timeout=5, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._lock = threading.Lock()
        self._db.executescript(_SCHEMA)
        _upgrade(self._db)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def keep_evidence(self, notification: int, evidence: Evidence) -> None:
        """Keep what was found for a notification."""
        self._write(
            "INSERT OR REPLACE INTO evidence VALUES (?, ?)",
            (notification, evidence.model_dump_json()),
        )

    def evidence(self, notification: int) -> Evidence | None:
        """What was found, with what it shares with another's; None if it is not there yet."""
        found = self._evidence(notification)
        if found is None or found.same_as is None:
            return found
        other = self._evidence(found.same_as)
        return found if other is None else found.sharing(other)

    def _evidence(self, notification: int) -> Evidence | None:
        rows = self._read("SELECT document FROM evidence WHERE notification = ?", (notification,))
        return Evidence.model_validate_json(rows[0]["document"]) if rows else None

    def without_evidence(self, since: datetime) -> list[int]:
        """Ids of firing notifications received since, for which nothing was gathered."""
        rows = self._read(
            "SELECT id FROM notifications WHERE status = 'firing' AND received_at >= ?"
            " AND id NOT IN (SELECT notification FROM evidence) ORDER BY id",
            (since.astimezone(UTC).isoformat(timespec="microseconds"),),
        )
        return [row["id"] for row in rows]

    def act(self, notification: int, act: Act) -> None:
        """Keep what a person did."""
        until = act.until.isoformat() if act.until else None
        self._write(
            "INSERT INTO acts (notification, at, kind, actor, note, silence, until)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (notification, act.at.isoformat(), act.kind, act.actor, act.note, act.silence, until),
        )

    def acts(self, notification: int) -> list[Act]:
        """What was done about a notification, oldest first."""
        rows = self._read("SELECT * FROM acts WHERE notification = ? ORDER BY id", (notification,))
        return [Act.model_validate({key: row[key] for key in Act.model_fields}) for row in rows]

    def head(self, receiver: str) -> Delivery | None:
        """The oldest message that a receiver still has to get."""
        rows = self._read(
            "SELECT * FROM deliveries WHERE receiver = ? AND state = 'waiting' ORDER BY id LIMIT 1",
            (receiver,),
        )
        return _delivery(rows[0]) if rows else None

    def waiting(self) -> dict[str, int]:
        """How many messages each receiver still has to get; those without any are left out."""
        rows = self._read(
            "SELECT receiver, COUNT(*) AS n FROM deliveries WHERE state = 'waiting' GROUP BY 1", ()
        )
        return {row["receiver"]: row["n"] for row in rows}

    def news(self, receiver: str, incident: str, until: int) -> list[Delivery]:
        """Messages by which a receiver learned of an incident's alerts, up to one given by id."""
        rows = self._read(
            "SELECT * FROM deliveries WHERE receiver = ? AND incident = ? AND kind = 'news'"
            " AND id <= ? ORDER BY id",
            (receiver, incident, until),
        )
        return [_delivery(row) for row in rows]

    def deliveries(self, notification: int) -> list[Delivery]:
        """Messages that a notification is in, oldest first."""
        rows = self._read(
            "SELECT d.* FROM deliveries d, json_each(d.notifications) j"
            " WHERE j.value = ? ORDER BY d.id",
            (notification,),
        )
        return [_delivery(row) for row in rows]

    def sent(self, delivery: Delivery) -> None:
        """It was delivered."""
        self._write(
            "UPDATE deliveries SET state = 'sent', attempts = attempts + 1, error = '',"
            " done_at = ? WHERE id = ?",
            (time.time(), delivery.id),
        )

    def refused(self, delivery: Delivery, error: str) -> None:
        """It will never be delivered; the next one is tried."""
        self._write(
            "UPDATE deliveries SET state = 'refused', attempts = attempts + 1, error = ?,"
            " done_at = ? WHERE id = ?",
            (error, time.time(), delivery.id),
        )

    def failed(self, delivery: Delivery, error: str, again_in: float) -> None:
        """It is tried again after so many seconds."""
        now = time.time()
        self._write(
            "UPDATE deliveries SET attempts = attempts + 1, error = ?, next_at = ?,"
            " failing_since = COALESCE(failing_since, ?) WHERE id = ?",
            (error, now + again_in, now, delivery.id),
        )

    def forget_receivers(self, known: Iterable[str]) -> None:
        """Give up what waits for receivers that are no longer configured."""
        self._write(
            "UPDATE deliveries SET state = 'refused', done_at = ?, error = 'no such receiver'"
            " WHERE state = 'waiting' AND receiver NOT IN (SELECT value FROM json_each(?))",
            (time.time(), json.dumps(list(known))),
        )

    def _write(self, query: str, values: tuple[Any, ...]) -> None:
        with self._lock, self._db:
            self._db.execute(query, values)

    def _read(self, query: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
        with self._lock, closing(self._db.execute(query, values)) as rows:
            return rows.fetchall()


def _upgrade(database: sqlite3.Connection) -> None:
    """Add what a file of before lacks."""
    columns = {row["name"] for row in database.execute("PRAGMA table_info(deliveries)")}
    if "kind" not in columns:
        with suppress(sqlite3.OperationalError), database:  # another process was faster
            for statement in _ADDED:
                database.execute(statement)


def _delivery(row: sqlite3.Row) -> Delivery:
    values = dict(row)
    message = Queued(row["kind"], json.loads(row["notifications"]), row["left_out"])
    own = {one.name for one in fields(Delivery)} - {"message"}
    return Delivery(message=message, **{name: values[name] for name in own})
