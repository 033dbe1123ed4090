"""The dead man's switch: silence of the alerting path is told once, and so is its end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from observability.alerting.inbox import Inbox
from observability.alerting.notifications import Store
from observability.alerting.watchdog import DeadMansSwitch
from observability.alerting.webhook import Webhook
from tests.unit.alerting.samples import alert, webhook

STARTED = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
HEARTBEAT = webhook(alert(labels={"alertname": "Watchdog", "severity": "none"}))


class Clock:
    """Time that is set by hand."""

    now = STARTED

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(Store(tmp_path / "inbox.db"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def switch(inbox: Inbox, clock: Clock) -> DeadMansSwitch:
    return DeadMansSwitch(inbox, silent_after=timedelta(minutes=3), now=clock)


async def test_silence_is_told_once_and_not_before_its_time(
    inbox: Inbox, switch: DeadMansSwitch, clock: Clock
) -> None:
    """Three minutes after the start without a heartbeat; not at three minutes."""
    clock.now = STARTED + timedelta(minutes=3)
    await switch.look()
    assert inbox.store.find() == []
    clock.now += timedelta(seconds=1)
    await switch.look()
    await switch.look()
    [told] = inbox.store.find()
    assert (told.name, told.severity, told.service) == (
        "WatchdogSilent",
        "critical",
        "alertmanager",
    )
    assert told.starts_at == STARTED
    assert told.annotations["runbook_url"] == "docs/runbooks/WatchdogSilent.md"


async def test_a_heartbeat_ends_it(inbox: Inbox, switch: DeadMansSwitch, clock: Clock) -> None:
    """The next one that arrives; and the next silence is another."""
    clock.now = STARTED + timedelta(minutes=4)
    await switch.look()
    await inbox.receive(Webhook.model_validate(HEARTBEAT))
    clock.now += timedelta(seconds=5)
    await switch.look()
    first, end = inbox.store.find()
    assert (end.status, end.ends_at) == ("resolved", clock.now)
    assert inbox.store.find(status="firing") == []
    clock.now = datetime.now(UTC) + timedelta(minutes=4)
    await switch.look()
    assert len(inbox.store.find(status="firing")) == 1
    assert inbox.store.find()[-1].starts_at > first.starts_at


async def test_heartbeats_in_time_are_no_news(
    inbox: Inbox, switch: DeadMansSwitch, clock: Clock
) -> None:
    """Nothing is told while they arrive."""
    await inbox.receive(Webhook.model_validate(HEARTBEAT))
    clock.now = datetime.now(UTC) + timedelta(minutes=2)
    await switch.look()
    assert inbox.store.find() == []


async def test_a_console_that_was_away_for_long_waits_before_it_cries(
    inbox: Inbox, clock: Clock
) -> None:
    """The last heartbeat of before a restart is old; the first after it is still to come."""
    await inbox.receive(Webhook.model_validate(HEARTBEAT))
    clock.now = datetime.now(UTC) + timedelta(hours=8)
    switch = DeadMansSwitch(inbox, now=clock)
    await switch.look()
    assert inbox.store.find() == []
    clock.now += timedelta(minutes=3, seconds=1)
    await switch.look()
    assert len(inbox.store.find()) == 1


async def test_silence_told_before_a_restart_of_the_console_is_ended_after_it(
    inbox: Inbox, switch: DeadMansSwitch, clock: Clock
) -> None:
    """What was told is in the store, not in the process."""
    clock.now = STARTED + timedelta(minutes=4)
    await switch.look()
    await inbox.receive(Webhook.model_validate(HEARTBEAT))
    await DeadMansSwitch(inbox, now=clock).look()
    assert [one.status for one in inbox.store.find()] == ["firing", "resolved"]
