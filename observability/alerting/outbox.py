"""Incidents and the messages queued about them, within a transaction that keeps notifications."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid

from observability.alerting.ledger import Kind, Queued

_KEPT_SECONDS = 7 * 86_400
_FORGOTTEN = "(SELECT COALESCE(MIN(id), 0) FROM notifications)"


def enqueue(database: sqlite3.Connection, receiver: str, incident: str, message: Queued) -> None:
    """Add a message for a receiver, within a transaction of the caller's."""
    database.execute(
        "INSERT INTO deliveries (receiver, incident, kind, status, notifications, left_out,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            receiver,
            incident,
            message.kind,
            "resolved" if message.kind == "over" else "firing",
            json.dumps(message.notifications),
            message.left_out,
            time.time(),
        ),
    )


def open_incident(database: sqlite3.Connection, group_key: str) -> str | None:
    """The incident of a group that has not ended."""
    query = "SELECT id FROM incidents WHERE group_key = ? AND ended_at IS NULL"
    row = database.execute(query, (group_key,)).fetchone()
    return None if row is None else str(row["id"])


def begin_incident(database: sqlite3.Connection, group_key: str) -> str:
    """Begin one; answers with its id."""
    made = uuid.uuid4().hex
    database.execute("INSERT INTO incidents VALUES (?, ?, NULL)", (made, group_key))
    return made


def end_incident(database: sqlite3.Connection, incident: str) -> None:
    """It is over: what fires next in its group is another."""
    query = "UPDATE incidents SET ended_at = ? WHERE id = ?"
    database.execute(query, (time.time(), incident))


def told(database: sqlite3.Connection, incident: str, receiver: str | None = None) -> list[int]:
    """Ids of the firing notifications of an incident that a receiver, or any, was told of."""
    rows = database.execute(
        "SELECT DISTINCT j.value AS id FROM deliveries d, json_each(d.notifications) j"
        " WHERE d.incident = ? AND d.receiver = COALESCE(?, d.receiver) AND d.kind = 'news'",
        (incident, receiver),
    )
    return [row["id"] for row in rows]


def told_since(database: sqlite3.Connection, receiver: str, incident: str, moment: float) -> bool:
    """Whether a message about an incident was queued since, or still waits."""
    row = database.execute(
        "SELECT 1 FROM deliveries WHERE incident = ? AND receiver = ?"
        " AND (created_at >= ? OR state = 'waiting') LIMIT 1",
        (incident, receiver, moment),
    ).fetchone()
    return row is not None


def last_kind(database: sqlite3.Connection, receiver: str, incident: str) -> Kind | None:
    """Of the newest message to a receiver about an incident."""
    row = database.execute(
        "SELECT kind FROM deliveries WHERE incident = ? AND receiver = ? ORDER BY id DESC LIMIT 1",
        (incident, receiver),
    ).fetchone()
    return None if row is None else row["kind"]


def prune(database: sqlite3.Connection) -> None:
    """Forget what belongs to forgotten notifications, and what was over a week ago."""
    database.execute(f"DELETE FROM evidence WHERE notification < {_FORGOTTEN}")  # noqa: S608
    database.execute(f"DELETE FROM acts WHERE notification < {_FORGOTTEN}")  # noqa: S608
    long_ago = time.time() - _KEPT_SECONDS
    # What was said of an incident is needed for as long as it lasts: its end goes to the same.
    database.execute(
        "DELETE FROM deliveries WHERE state <> 'waiting' AND done_at < :ago AND incident NOT IN"
        " (SELECT id FROM incidents WHERE ended_at IS NULL OR ended_at >= :ago)",
        {"ago": long_ago},
    )
    database.execute(
        "DELETE FROM incidents WHERE ended_at < ? AND id NOT IN (SELECT incident FROM deliveries)",
        (long_ago,),
    )
