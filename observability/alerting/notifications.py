"""Notifications as they are kept and shown, and the file that keeps them."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from observability.alerting.webhook import Status, WebhookAlert

_SCHEMA = """
CREATE TABLE IF NOT EXISTS notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('firing', 'resolved')),
    starts_at TEXT NOT NULL,
    ends_at TEXT,
    received_at TEXT NOT NULL,
    repeats INTEGER NOT NULL DEFAULT 0,
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    source TEXT NOT NULL,
    UNIQUE (fingerprint, starts_at, status)
);
CREATE TABLE IF NOT EXISTS heartbeats (
    name TEXT PRIMARY KEY,
    received_at TEXT NOT NULL
);
"""

_KEPT = 10_000
"""Older notifications are forgotten, so the file stays small."""

# A firing notification is over when its resolved one came, or when the same alert fires
# anew: then Alertmanager was stopped before it could tell.
_SELECT = """
SELECT n.*, (
    SELECT COALESCE(MIN(o.ends_at), MIN(o.starts_at)) FROM notifications o
    WHERE n.status = 'firing' AND o.fingerprint = n.fingerprint
      AND ((o.status = 'resolved' AND o.starts_at = n.starts_at)
        OR (o.status = 'firing' AND o.starts_at > n.starts_at))
) AS resolved_at
FROM notifications n
"""


class Notification(BaseModel):
    """One notification received: an alert began to fire, or was resolved.

    All times are in UTC. `resolved_at` is set on the firing notification once it is over;
    `ends_at` on the resolved one. `repeats` counts how often it was sent again.
    """

    model_config = ConfigDict(frozen=True)

    id: int
    fingerprint: str
    status: Status
    name: str
    severity: str
    team: str
    service: str
    summary: str
    description: str
    starts_at: datetime
    ends_at: datetime | None
    resolved_at: datetime | None
    received_at: datetime
    repeats: int
    labels: dict[str, str]
    annotations: dict[str, str]
    source: str

    @property
    def still_firing(self) -> bool:
        """Whether this is the last word on its alert, and the word is that it fires."""
        return self.status == "firing" and self.resolved_at is None

    @property
    def occurrence(self) -> tuple[str, datetime]:
        """What the beginning and the end of one alert have in common."""
        return self.fingerprint, self.starts_at


@dataclass(frozen=True)
class Kept:
    """What came of alerts received: the new notifications, and those that fire as known."""

    new: list[Notification]
    again: list[Notification]


class Heartbeat(BaseModel):
    """When an alert that always fires, such as Watchdog, last arrived."""

    name: str
    received_at: datetime


Also = Callable[[sqlite3.Connection, Kept], None]


class Store:
    """The notifications on disk. Calls block for the time of a small query.

    Safe to use from several threads; other processes may read the file at the same time.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open `path`, creating it unless `read_only`.

        Raises:
            sqlite3.OperationalError: The file cannot be opened, or does not exist and
                `read_only` is set.
        """
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        mode = "ro" if read_only else "rwc"
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        self.path = path
        self._db = sqlite3.connect(uri, uri=True, timeout=5, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._lock = threading.Lock()
        if not read_only:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def record(
        self, alerts: Iterable[WebhookAlert], at: datetime, also: Also | None = None
    ) -> list[Notification]:
        """Keep `alerts`, received at `at`; answer with those not known before.

        The same alert, start and status is one notification, however often it is sent. `also` is
        called with the new ones and the repeated before anything is committed: what it writes
        through the connection is kept together with them or not at all.
        """
        with self._lock, self._db:
            ids: dict[bool, list[int]] = {True: [], False: []}
            for alert in alerts:
                row, new = self._insert(alert, at)
                ids[new].append(row)
            self._db.execute(
                "DELETE FROM notifications WHERE id <= (SELECT MAX(id) FROM notifications) - ?",
                (_KEPT,),
            )
            again = [one for one in read(self._db, ids[False]) if one.still_firing]
            kept = Kept(read(self._db, ids[True]), again)
            if also is not None and (kept.new or kept.again):
                also(self._db, kept)
            return kept.new

    def one(self, notification_id: int) -> Notification | None:
        """A notification by its id; None if there is none, or no longer."""
        query = f"{_SELECT} WHERE n.id = ?"
        with self._lock, closing(self._db.execute(query, (notification_id,))) as rows:
            row = rows.fetchone()
            return None if row is None else _notification(row)

    def beginning(self, one: Notification) -> Notification:
        """The firing notification that belongs to `one`; itself if it is, or if there is none."""
        query = (
            f"{_SELECT} WHERE n.fingerprint = ? AND n.status = 'firing' AND n.starts_at <= ?"
            " ORDER BY n.starts_at DESC LIMIT 1"
        )
        values = (one.fingerprint, _stamp(one.starts_at))
        with self._lock, closing(self._db.execute(query, values)) as rows:
            row = rows.fetchone()
            return one if row is None else _notification(row)

    def beat(self, name: str, at: datetime) -> None:
        """Note that the always-firing alert `name` arrived at `at`."""
        with self._lock, self._db:
            self._db.execute(
                "INSERT INTO heartbeats VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET received_at = excluded.received_at",
                (name, _stamp(at)),
            )

    def heartbeats(self) -> list[Heartbeat]:
        """The last arrival of each always-firing alert."""
        with self._lock, closing(self._db.execute("SELECT * FROM heartbeats")) as rows:
            return [Heartbeat.model_validate(dict(row)) for row in rows]

    def find(
        self,
        *,
        status: Status | None = None,
        since: datetime | None = None,
        after: int = 0,
        limit: int = 500,
    ) -> list[Notification]:
        """The newest `limit` notifications that match, oldest of them first.

        Args:
            status: `firing` for those that still fire, `resolved` for ends; None for all.
            since: Only those received at or after this time.
            after: Only those with a higher id.
            limit: At most this many.
        """
        where, values = ["n.id > ?"], [after]
        filters: list[Any] = values
        if since is not None:
            where.append("n.received_at >= ?")
            filters.append(_stamp(since))
        if status is not None:
            where.append("n.status = ?")
            filters.append(status)
        if status == "firing":
            where.append("resolved_at IS NULL")
        query = f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY n.id DESC LIMIT ?"
        with self._lock, closing(self._db.execute(query, (*filters, limit))) as rows:
            return [_notification(row) for row in rows][::-1]

    def ending(self, one: Notification) -> Notification:
        """The resolved notification that belongs to `one`; itself if it is, or there is none."""
        query = f"{_SELECT} WHERE n.fingerprint = ? AND n.status = 'resolved' AND n.starts_at = ?"
        values = (one.fingerprint, _stamp(one.starts_at))
        with self._lock, closing(self._db.execute(query, values)) as rows:
            row = rows.fetchone()
            return one if row is None else _notification(row)

    def _insert(self, alert: WebhookAlert, at: datetime) -> tuple[int, bool]:
        """The row's id, and whether it is new."""
        values = {
            "fingerprint": alert.fingerprint,
            "status": alert.status,
            "starts_at": _stamp(alert.starts_at),
            "ends_at": _stamp(alert.ended_at) if alert.ended_at else None,
            "received_at": _stamp(at),
            "labels": json.dumps(alert.labels),
            "annotations": json.dumps(alert.annotations),
            "source": alert.generator_url,
        }
        known = self._db.execute(
            "UPDATE notifications SET repeats = repeats + 1 WHERE fingerprint = :fingerprint"
            " AND starts_at = :starts_at AND status = :status RETURNING id",
            values,
        ).fetchone()
        if known is not None:
            return known["id"], False
        inserted = self._db.execute(
            "INSERT INTO notifications (fingerprint, status, starts_at, ends_at, received_at,"
            " labels, annotations, source) VALUES (:fingerprint, :status, :starts_at, :ends_at,"
            " :received_at, :labels, :annotations, :source) RETURNING id",
            values,
        )
        return inserted.fetchone()["id"], True


def read(database: sqlite3.Connection, ids: Iterable[int]) -> list[Notification]:
    """The notifications with these ids, within a transaction of the caller's, oldest first."""
    known = "(SELECT value FROM json_each(?))"
    query = f"{_SELECT} WHERE n.id IN {known} ORDER BY n.id"
    return [_notification(row) for row in database.execute(query, (json.dumps(list(ids)),))]


def _stamp(moment: datetime) -> str:
    """Text that sorts as time does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _notification(row: sqlite3.Row) -> Notification:
    labels: dict[str, str] = json.loads(row["labels"])
    annotations: dict[str, str] = json.loads(row["annotations"])
    return Notification(
        **{name: row[name] for name in ("id", "fingerprint", "status", "repeats", "source")},
        name=labels.get("alertname", ""),
        severity=labels.get("severity", ""),
        team=labels.get("team", ""),
        service=labels.get("service_name", ""),
        summary=annotations.get("summary", ""),
        description=annotations.get("description", ""),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        resolved_at=row["resolved_at"],
        received_at=row["received_at"],
        labels=labels,
        annotations=annotations,
    )
