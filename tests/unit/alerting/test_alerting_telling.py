"""Who is told what of an incident: from when its group begins to fire until it is quiet again."""

import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from observability.alerting.ledger import Delivery, Ledger
from observability.alerting.notifications import Kept, Notification, Store
from observability.alerting.outbox import prune
from observability.alerting.telling import Group, Wants, tell
from observability.alerting.webhook import Webhook
from tests.unit.alerting.samples import alert, webhook

DAY = 86_400


class Desk:
    """An inbox and what it queues for `mail`, which wants all, and `page`, which wants pages."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path)
        self.ledger = Ledger(path)
        self.receivers: dict[str, Wants] = {"mail": _any, "page": _critical}
        self.remind_after = 60.0

    def receive(self, *alerts: dict[str, Any], **more: Any) -> None:
        """As from Alertmanager."""
        given = Webhook.model_validate(webhook(*alerts) | more)
        self.store.record(given.alerts, datetime.now(UTC), partial(self._also, given))

    def _also(self, given: Webhook, database: sqlite3.Connection, kept: Kept) -> None:
        prune(database)
        group = Group(given.group_key, given.over, given.left_out)
        tell(database, group, kept, self.receivers, self.remind_after)

    def queued(self, receiver: str) -> list[Delivery]:
        """What waits for a receiver, in order."""
        found = []
        while (head := self.ledger.head(receiver)) is not None:
            found.append(head)
            self.ledger.sent(head)
        return found

    def kinds(self, receiver: str) -> list[tuple[str, list[int]]]:
        """What it is, and which notifications it is about."""
        queued = self.queued(receiver)
        return [(one.message.kind, one.message.notifications) for one in queued]

    def age(self, seconds: float) -> None:
        """As if all that was queued and sent had been so long ago."""
        with sqlite3.connect(self.store.path) as database:
            database.execute(
                "UPDATE deliveries SET created_at = created_at - ?, done_at = done_at - ?",
                (seconds, seconds),
            )
            database.execute("UPDATE incidents SET ended_at = ended_at - ?", (seconds,))


def _any(_: Notification) -> bool:
    return True


def _critical(one: Notification) -> bool:
    return one.severity == "critical"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "inbox.db")
    yield made
    made.ledger.close()
    made.store.close()


FIRST = alert()
SECOND = alert(fingerprint="2")
TICKET = alert(fingerprint="3", labels={"severity": "warning"})


def ended(one: dict[str, Any]) -> dict[str, Any]:
    """The same alert, over."""
    return {**one, "status": "resolved", "endsAt": "2026-03-01T10:02:30Z"}


def test_the_group_is_the_same_for_ever_and_each_incident_another(desk: Desk) -> None:
    """Quiet in between makes the difference, not the group's key."""
    desk.receive(FIRST)
    desk.receive(ended(FIRST))
    desk.receive({**FIRST, "startsAt": "2026-03-02T08:00:00Z"})
    began, over, again = desk.queued("page")
    assert (began.message.kind, over.message.kind, again.message.kind) == ("news", "over", "news")
    assert began.incident == over.incident != again.incident


def test_all_receivers_hear_of_the_same_incident(desk: Desk) -> None:
    """So that what one says can be found with another."""
    desk.receive(FIRST)
    [mail], [page] = desk.queued("mail"), desk.queued("page")
    assert mail.incident == page.incident


def test_what_ends_while_others_fire_is_told_and_the_end_lists_all(desk: Desk) -> None:
    """An end in part, then all of it by the ids of what was told."""
    desk.receive(FIRST, SECOND)
    desk.receive(ended(FIRST), SECOND, status="firing")
    desk.receive(ended(SECOND))
    assert desk.kinds("mail") == [("news", [1, 2]), ("end", [1]), ("over", [1, 2])]


def test_each_receiver_is_told_only_of_what_it_wants_and_when_that_is_over(desk: Desk) -> None:
    """The pager need not wait for a ticket; what fires then is news of the same incident."""
    desk.receive(FIRST, TICKET)
    desk.receive(ended(FIRST), TICKET, status="firing")
    desk.receive(SECOND, TICKET)
    desk.receive(ended(SECOND), ended(TICKET))
    first, over, second, again = desk.queued("page")
    assert [one.message.notifications for one in (first, over, second)] == [[1], [1], [4]]
    assert (over.message.kind, again.message.kind) == ("over", "over")
    assert first.incident == second.incident
    assert desk.kinds("mail")[-1] == ("over", [1, 2, 4])


def test_a_repetition_is_a_reminder_unless_it_is_the_same_sent_again(desk: Desk) -> None:
    """Within a minute its answer was lost; later Alertmanager repeats what still fires."""
    desk.receive(FIRST, TICKET)
    desk.receive(FIRST, TICKET)
    assert len(desk.queued("mail")) == len(desk.queued("page")) == 1
    desk.age(61)
    desk.receive(FIRST, TICKET)
    assert desk.kinds("mail") == [("reminder", [1, 2])]
    assert desk.kinds("page") == [("reminder", [1])]
    desk.receive(FIRST, TICKET)
    assert desk.kinds("mail") == []


def test_a_change_of_the_group_is_no_reminder(desk: Desk) -> None:
    """What fires on is listed whenever something else changes."""
    desk.receive(FIRST)
    desk.age(61)
    desk.receive(FIRST, TICKET)
    assert [kind for kind, _ in desk.kinds("page")] == ["news"]
    assert desk.kinds("mail") == [("news", [1]), ("news", [2])]


def test_reminders_do_not_pile_up_for_a_receiver_that_is_away(desk: Desk) -> None:
    """One message that waits says it all."""
    desk.receive(FIRST)
    for _ in range(3):
        desk.age(3600)
        desk.receive(FIRST)
    assert desk.kinds("mail") == [("news", [1])]


def test_an_incident_longer_than_the_file_remembers_is_told_to_be_over(desk: Desk) -> None:
    """Who was called for it is called off, weeks later too."""
    desk.receive(FIRST)
    assert desk.kinds("page") == [("news", [1])]
    desk.age(30 * DAY)
    desk.receive(SECOND, FIRST)
    desk.receive(ended(FIRST), ended(SECOND))
    assert desk.kinds("page") == [("news", [2]), ("over", [1, 2])]


def test_what_is_over_for_a_week_is_forgotten(desk: Desk) -> None:
    """So the file stays small."""
    desk.receive(FIRST)
    desk.receive(ended(FIRST))
    desk.queued("mail"), desk.queued("page")
    desk.age(8 * DAY)
    desk.receive(alert(fingerprint="x", startsAt="2026-03-09T10:00:00Z"))
    with sqlite3.connect(desk.store.path) as database:
        assert database.execute("SELECT COUNT(*) FROM incidents").fetchone() == (1,)
        assert database.execute("SELECT COUNT(*) FROM deliveries").fetchone() == (2,)


def test_a_receiver_that_is_added_hears_of_what_fires(desk: Desk) -> None:
    """With the next that Alertmanager says of it, as news."""
    desk.receive(FIRST)
    desk.receivers["new"] = _any
    desk.receive(FIRST)
    assert desk.kinds("new") == [("news", [1])]


def test_an_end_that_was_never_told_does_not_prolong_an_incident(desk: Desk) -> None:
    """Alertmanager was stopped meanwhile: the same alert that fires anew is another incident."""
    desk.receive(FIRST)
    desk.receive({**FIRST, "startsAt": "2026-03-02T08:00:00Z"})
    first, second = desk.queued("page")
    assert first.incident != second.incident


def test_alerts_that_are_left_out_are_counted_and_keep_the_incident_open(desk: Desk) -> None:
    """The state of a cut notification is that of its first alerts alone."""
    desk.receive(FIRST, SECOND, truncatedAlerts=7)
    desk.receive(ended(FIRST), truncatedAlerts=7)
    [news, end] = desk.queued("mail")
    assert (news.message.left_out, end.message.kind) == (7, "end")
    desk.receive(ended(SECOND))
    assert desk.kinds("mail") == [("over", [1, 2])]


def test_a_silenced_alert_does_not_keep_the_rest_from_being_over(desk: Desk) -> None:
    """Alertmanager says no more of it; when it does, that is news again."""
    desk.receive(FIRST, SECOND)
    desk.receive(ended(SECOND))
    assert desk.kinds("page") == [("news", [1, 2]), ("over", [1, 2])]
    desk.receive(FIRST)
    assert desk.kinds("page") == [("news", [1])]


def test_a_file_of_before_is_read_on(tmp_path: Path) -> None:
    """Its deliveries named the group; what waits in them is still delivered."""
    path = tmp_path / "inbox.db"
    Store(path).close()
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE deliveries (id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL,"
            " incident TEXT NOT NULL, status TEXT NOT NULL, notifications TEXT NOT NULL,"
            " created_at REAL NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',"
            " attempts INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL DEFAULT 0,"
            " failing_since REAL, error TEXT NOT NULL DEFAULT '', done_at REAL)"
        )
        for status in ("firing", "resolved"):
            database.execute(
                "INSERT INTO deliveries (receiver, incident, status, notifications, created_at)"
                " VALUES ('mail', '{}:{a=\"b\"}', ?, '[1]', ?)",
                (status, time.time()),
            )
    Ledger(path).close()
    desk = Desk(path)
    first, second = desk.queued("mail")
    desk.ledger.close()
    desk.store.close()
    assert (first.message.kind, second.message.kind) == ("news", "over")
    assert first.incident == second.incident == "g1"
