"""The dead man's switch: silence of the alerting path is told once, and so is its end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI, Response

from observability.alerting.inbox import Inbox
from observability.alerting.notifications import Store
from observability.alerting.watchdog import DeadMansSwitch, prometheus_at
from observability.alerting.webhook import Webhook
from tests.support.http import listening
from tests.unit.alerting.samples import alert, webhook

STARTED = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
HEARTBEAT = webhook(alert(labels={"alertname": "Watchdog", "severity": "none"}))


async def yes() -> bool:
    """Prometheus is ready."""
    return True


async def no() -> bool:
    """It is not, such as while it is being built."""
    return False


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
    return DeadMansSwitch(inbox, yes, now=clock)


async def test_silence_is_told_once_and_not_before_its_time(
    inbox: Inbox, switch: DeadMansSwitch, clock: Clock
) -> None:
    """Three minutes after the start without a heartbeat; not at three minutes."""
    await switch.look()
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
    await switch.look()
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
    switch = DeadMansSwitch(inbox, yes, now=clock)
    await switch.look()
    assert inbox.store.find() == []
    clock.now += timedelta(minutes=3, seconds=1)
    await switch.look()
    assert len(inbox.store.find()) == 1


async def test_silence_told_before_a_restart_of_the_console_is_ended_after_it(
    inbox: Inbox, switch: DeadMansSwitch, clock: Clock
) -> None:
    """What was told is in the store, not in the process."""
    await switch.look()
    clock.now = STARTED + timedelta(minutes=4)
    await switch.look()
    await inbox.receive(Webhook.model_validate(HEARTBEAT))
    await DeadMansSwitch(inbox, yes, now=clock).look()
    assert [one.status for one in inbox.store.find()] == ["firing", "resolved"]


async def test_it_is_not_armed_while_the_servers_are_still_built(
    inbox: Inbox, clock: Clock
) -> None:
    """However long that takes, up to half an hour; then Prometheus is missed like anything else."""
    switch = DeadMansSwitch(inbox, no, now=clock)
    for minute in range(33):
        clock.now = STARTED + timedelta(minutes=minute)
        await switch.look()
        assert inbox.store.find() == []
    clock.now = STARTED + timedelta(minutes=33, seconds=1)
    await switch.look()
    assert [one.name for one in inbox.store.find()] == ["WatchdogSilent"]


async def test_prometheus_that_is_ready_arms_it(inbox: Inbox, clock: Clock) -> None:
    """From then on a heartbeat is due, also if Prometheus ends again."""
    answers = iter([False, True])

    async def ready() -> bool:
        return next(answers)

    switch = DeadMansSwitch(inbox, ready, now=clock)
    for minute in (8, 10, 13):
        clock.now = STARTED + timedelta(minutes=minute)
        await switch.look()
        assert inbox.store.find() == []
    clock.now += timedelta(seconds=1)
    await switch.look()
    [told] = inbox.store.find()
    assert told.starts_at == STARTED + timedelta(minutes=10)


async def test_the_first_heartbeat_arms_it(inbox: Inbox, clock: Clock) -> None:
    """Wherever Prometheus is; one of before its start does not."""
    await inbox.receive(Webhook.model_validate(HEARTBEAT))
    clock.now = datetime.now(UTC) + timedelta(seconds=1)
    switch = DeadMansSwitch(inbox, no, now=clock)
    await switch.look()
    clock.now += timedelta(minutes=10)
    await switch.look()
    assert inbox.store.find() == []
    clock.now = datetime.now(UTC) - timedelta(seconds=1)
    switch = DeadMansSwitch(inbox, no, now=clock)
    await inbox.receive(Webhook.model_validate(HEARTBEAT))
    await switch.look()
    clock.now += timedelta(minutes=3, seconds=2)
    await switch.look()
    assert len(inbox.store.find()) == 1


async def test_whether_prometheus_is_ready_is_asked_of_itself() -> None:
    """Nobody there, not yet, ready."""
    app = FastAPI()
    status = 503

    @app.get("/-/ready")
    async def ready() -> Response:
        return Response(status_code=status)

    async with listening(app) as url:
        assert not await prometheus_at(url)()
        status = 200
        assert await prometheus_at(url)()
    assert not await prometheus_at(url)()
