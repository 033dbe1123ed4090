"""What the console says of the alerting path, and of what happened."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from observability.alerting.inbox import Inbox
from observability.alerting.notifications import Store
from observability.alerting.watchdog import SILENT_AFTER, DeadMansSwitch
from observability.boards import Span
from observability.console.context import Context
from observability.console.marks import marks
from observability.console.views.alerts import alerting_path
from observability.settings import Settings
from observability.stack import deploys

DOWN = "http://127.0.0.1:1"
BEGAN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


async def _ready() -> bool:
    """As Prometheus is."""
    return True


async def test_the_page_and_the_dead_mans_switch_agree_at_every_moment(tmp_path: Path) -> None:
    """Heartbeats of other alerts count for neither."""
    store = Store(tmp_path / "inbox.db")
    now = BEGAN
    switch = DeadMansSwitch(Inbox(store), _ready, now=lambda: now)
    store.beat("Watchdog", BEGAN)
    for seconds in range(0, 2 * SILENT_AFTER.seconds, 20):
        now = BEGAN + timedelta(seconds=seconds)
        store.beat("Another", now)
        await switch.look()
        whole, said = alerting_path(store.heartbeats(), store.find(status="firing"), now)
        assert whole is (seconds <= SILENT_AFTER.seconds), seconds
        assert f"last heartbeat {seconds} s ago" in said
    store.close()


async def test_a_heartbeat_that_never_came_is_not_said_to_be_on_its_way_for_ever(
    tmp_path: Path,
) -> None:
    """Once the switch has told, the page says so too."""
    store = Store(tmp_path / "inbox.db")
    now = BEGAN
    switch = DeadMansSwitch(Inbox(store), _ready, now=lambda: now)
    await switch.look()
    first, _ = alerting_path(store.heartbeats(), store.find(status="firing"), now)
    now = BEGAN + SILENT_AFTER + timedelta(seconds=1)
    await switch.look()
    later, said = alerting_path(store.heartbeats(), store.find(status="firing"), now)
    assert (first, later) == (None, False)
    assert "for too long" in said
    store.close()


async def test_a_version_that_was_away_is_no_deploy_when_it_is_back(tmp_path: Path) -> None:
    """Only what was seen for the first time ever is one; what is down takes no mark away."""
    settings = Settings(state_dir=tmp_path, urls={"prometheus": DOWN, "loki": DOWN})
    seen = [
        {"service": "cart", "version": "1.1.0", "at": 1500.0},
        {"service": "cart", "version": "1.0.0", "at": 100.0},
    ]
    (tmp_path / deploys.FILE).write_text(json.dumps(seen))
    store = Store(settings.inbox_file)
    context = Context(settings, store)
    found = await marks(context, Span(1000, 2000))
    await context.close()
    store.close()
    assert [(one.at, one.title, one.kind) for one in found] == [
        (1500.0, "cart 1.1.0 deployed", "deploy")
    ]
