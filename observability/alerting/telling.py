"""Who is told what: decided as notifications are kept, in the transaction that keeps them.

An incident begins when a group of Alertmanager goes from quiet to firing, and is over when nothing
in it fires any more: the key of the group itself is the same for ever.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from observability.alerting import outbox
from observability.alerting.ledger import Kind, Queued
from observability.alerting.notifications import Kept, Notification, read

Wants = Callable[[Notification], bool]


@dataclass(frozen=True)
class Group:
    """What Alertmanager says of a group: whether all of it is over, and how much it left out."""

    key: str
    over: bool
    left_out: int = 0


def tell(
    database: sqlite3.Connection,
    group: Group,
    kept: Kept,
    receivers: Mapping[str, Wants],
    remind_after: float,
) -> None:
    """Queue messages about what was kept: what fires, what still does, what is over.

    Args:
        database: of the inbox, within a transaction of the caller's.
        group: the notifications' group.
        kept: the notifications.
        receivers: by name, with what each wants.
        remind_after: seconds after a message within which a repetition is no reminder: the same
            is sent again when its answer was lost.
    """
    incident = _incident(database, group.key, kept) if receivers else None
    if incident is None:
        return
    for receiver, wants in receivers.items():
        teller = _Teller(database, receiver, incident, group)
        teller.tell_what_fires(kept, wants, time.time() - remind_after)
        teller.tell_what_ended(kept)
    if group.over:
        outbox.end_incident(database, incident)


def _incident(database: sqlite3.Connection, group_key: str, kept: Kept) -> str | None:
    """The one that has not ended; a new one if something fires and nothing told of does."""
    found = outbox.open_incident(database, group_key)
    if not any(one.still_firing for one in [*kept.new, *kept.again]):
        return found
    if found is not None:
        if any(one.still_firing for one in read(database, outbox.told(database, found))):
            return found
        outbox.end_incident(database, found)  # Alertmanager was stopped before it could tell
    return outbox.begin_incident(database, group_key)


@dataclass(frozen=True)
class _Teller:
    """Queues messages about one incident to one receiver."""

    database: sqlite3.Connection
    receiver: str
    incident: str
    group: Group

    def tell_what_fires(self, kept: Kept, wants: Wants, recently: float) -> None:
        """What the receiver does not know; if there is no news at all, it is reminded."""
        known = {one.id for one in self._known()}
        firing = [one for one in [*kept.new, *kept.again] if one.still_firing and wants(one)]
        news = [one for one in firing if one.id not in known]
        if news:
            self._queue("news", news)
        elif not kept.new and not self._told_since(recently):
            self._queue("reminder", firing)

    def tell_what_ended(self, kept: Kept) -> None:
        """What has ended of what the receiver knows; with the last of it, all of the incident."""
        known = self._known()
        ended = {one.occurrence for one in kept.new if one.status == "resolved"}
        if not self.group.over and any(one.still_firing for one in known):
            self._queue("end", [one for one in known if one.occurrence in ended])
        elif outbox.last_kind(self.database, self.receiver, self.incident) != "over":
            self._queue("over", known)

    def _known(self) -> list[Notification]:
        return read(self.database, outbox.told(self.database, self.incident, self.receiver))

    def _told_since(self, moment: float) -> bool:
        return outbox.told_since(self.database, self.receiver, self.incident, moment)

    def _queue(self, kind: Kind, alerts: list[Notification]) -> None:
        if alerts:
            message = Queued(kind, [one.id for one in alerts], self.group.left_out)
            outbox.enqueue(self.database, self.receiver, self.incident, message)
