"""The example of mute times by a real Alertmanager: what is not urgent waits for office hours.

The configuration is the project's own; only the days of the office are chosen, so that it is open
or closed at the time of the test.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from observability.backends.alertmanager import CONFIG
from tests.integration.alerting.processes import alertmanager, console
from tests.support.ports import free_port
from tests.support.waiting import eventually

DAYS = 'weekdays: ["monday:friday"]'
HOURS = 'times: [{start_time: "09:00", end_time: "17:00"}]'
ALL_DAY = 'times: [{start_time: "00:00", end_time: "24:00"}]'
#: Name, severity and environment: all but the first ring at any hour.
SENT = {
    "NotUrgentOnStaging": ("warning", "staging"),
    "UrgentOnStaging": ("critical", "staging"),
    "NotUrgentElsewhere": ("warning", "production"),
}
HELD_BACK = 'alertmanager_notifications_suppressed_total{reason="active_time_interval"}'


@dataclass(frozen=True)
class Office:
    """Alertmanager and the inbox that it tells.

    Attributes:
        hours: In the names of its alerts: one inbox serves all offices.
        url: Of Alertmanager.
        inbox: URL of the console.
    """

    hours: str
    url: str
    inbox: str

    def send(self) -> None:
        """All the alerts."""
        alerts = [
            {
                "labels": {
                    "alertname": f"{name}{self.hours}",
                    "severity": severity,
                    "service_namespace": "shop",
                    "deployment_environment_name": environment,
                }
            }
            for name, (severity, environment) in SENT.items()
        ]
        httpx.post(f"{self.url}/api/v2/alerts", json=alerts).raise_for_status()

    def received(self) -> set[str]:
        """What has arrived in the inbox."""
        names = {one["name"] for one in httpx.get(f"{self.inbox}/api/inbox").json()}
        return {name for name in SENT if f"{name}{self.hours}" in names}

    def held_back(self) -> float:
        """How many notifications were not sent because of the time."""
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(HELD_BACK))


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a console that receives."""
    port = free_port()
    running = console(tmp_path_factory.mktemp("console"), port)
    yield port
    running.stop()


@contextmanager
def office(folder: Path, inbox: int, hours: str, *, opens_in_days: int) -> Iterator[Office]:
    """Open all day on two days, the first of which is so many days from now."""
    first = datetime.now(UTC) + timedelta(days=opens_in_days)
    days = [(first + timedelta(days=more)).strftime("%A").lower() for more in range(2)]
    text = CONFIG.read_text(encoding="utf-8")
    assert DAYS in text
    assert HOURS in text
    text = text.replace(DAYS, f"weekdays: {days}").replace(HOURS, ALL_DAY)
    port = free_port()
    running = alertmanager(folder, port, inbox, text)
    try:
        yield Office(hours, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{inbox}")
    finally:
        running.stop()


@pytest.mark.timeout(180)
def test_what_is_not_urgent_on_staging_waits_while_the_office_is_closed(
    tmp_path: Path, inbox: int
) -> None:
    """Pages, and tickets of elsewhere, do not."""
    with office(tmp_path, inbox, "Closed", opens_in_days=3) as closed:
        closed.send()
        eventually(lambda: closed.held_back() >= 1, within=30, what="a notification held back")
        urgent = set(SENT) - {"NotUrgentOnStaging"}
        eventually(lambda: closed.received() >= urgent, within=30, what="what is urgent")
        assert closed.received() == urgent


@pytest.mark.timeout(180)
def test_what_is_not_urgent_on_staging_rings_while_the_office_is_open(
    tmp_path: Path, inbox: int
) -> None:
    """Like all else."""
    with office(tmp_path, inbox, "Open", opens_in_days=0) as opened:
        opened.send()
        eventually(lambda: opened.received() == set(SENT), within=30, what="every notification")
        assert opened.held_back() == 0
