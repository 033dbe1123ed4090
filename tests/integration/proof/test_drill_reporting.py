"""What becomes of drills reaches Loki by the Collector, and the dashboard of drills shows it."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from observability.boards import Answer, Backends, Span, ask, load_board, resolve
from observability.console.charts.tables import merged
from observability.proof.drill import reporting
from observability.proof.drill.model import load
from observability.proof.drill.outcome import Outcome, Report, Rung
from observability.proof.verify.quiet import QUIET_FIELDS
from observability.query import Jaeger, LogLine, Loki, Prometheus
from observability.settings import Settings
from observability.stack import audited
from tests.support.real_servers import RealServers

pytestmark = pytest.mark.timeout(1800)  # the first run ever builds the servers

BOARD = load_board(Path(__file__).parents[3] / "dashboards" / "drills.json")
BEGAN = 1_784_840_000.0
FORGED = 'TokenAbuse{service_name="checkout"}'
LEAK = 'MemoryLeak{service_name="cart"}'
GOOD = Outcome("tokens-forged", BEGAN, 41.5, [Rung(FORGED, "critical", 6.5, 7.25, 12.0)])
BAD = Outcome("cart-leaks", BEGAN, 120.0, [Rung(LEAK)], problems=["not received"])
SPOILT = Outcome("cart-hangs", BEGAN, problems=["rings before anything is done: ServiceDown"])


@dataclass(frozen=True)
class Reported:
    """The servers that a run of three drills was reported to."""

    servers: RealServers

    def panel(self, title: str) -> list[Answer]:
        """What the panel of the dashboard of drills is answered; none is an empty list."""
        [panel] = [one for one in BOARD.panels if one.title == title]

        async def look() -> list[Answer]:
            async with self._client("loki") as loki, self._client("prometheus") as prometheus:
                backends = Backends(Prometheus(prometheus), Loki(loki), Jaeger(loki))
                values = await resolve(BOARD, {}, backends.prometheus)
                now = time.time()
                answers = await ask(panel, values, Span(now - 600, now + 1), backends)
            return [] if all(one.empty for one in answers) else answers

        return asyncio.run(look())

    def lines(self, title: str, event: str, least: int) -> list[LogLine]:
        """Lines of a panel of log lines, once there are so many of the event."""

        def found() -> list[LogLine] | None:
            lines = [line for answer in self.panel(title) for line in answer.lines]
            wanted = [line for line in lines if line.line == event]
            return wanted if len(wanted) >= least else None

        found_lines = self.servers.until(found, within=15, what=f"{least} lines of {event}")
        assert found_lines is not None
        return found_lines

    def figure(self, title: str) -> float:
        """The one figure of a panel."""
        [answer] = self.panel(title)
        [series] = answer.series
        return series.points[-1][1]

    def _client(self, name: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.servers.site.url(name), trust_env=False)


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    servers = RealServers(tmp_path_factory.mktemp("drills") / "state")
    ports = {name: port for name, port in servers.site.ports.items() if name != "grafana"}
    settings = Settings(state_dir=servers.site.state, ports=ports)
    [scenario] = load().chosen([GOOD.drill])
    with servers:
        with audited.joined(settings):
            reporting.started(scenario)
            for outcome in (GOOD, BAD, SPOILT):
                reporting.finished(outcome)
            reporting.run_finished(Report([GOOD, BAD, SPOILT], ["12:00:00 HighLatency: slow"]))
        found = Reported(servers)
        found.lines("Drills", "drill_finished", 3)
        yield found


def test_each_alert_of_each_drill_is_a_row_with_its_times(reported: Reported) -> None:
    """What did not come has no time; a drill that came to no alert is there, too."""
    rows = merged(reported.panel("Drills played, each with its alerts"))
    began = "2026-07-23 20:53:20"
    assert sorted(rows, key=lambda row: str(row["drill"])) == [
        {"drill": "cart-hangs", "began": began, "Value #A": 0.0},
        {"drill": "cart-leaks", "alert": LEAK, "began": began, "Value #A": 0.0},
        {
            "drill": "tokens-forged",
            "alert": FORGED,
            "began": began,
            "Value #A": 1.0,
            "Value #B": 6.5,
            "Value #C": 7.25,
            "Value #D": 12.0,
        },
    ]


def test_drills_failures_and_false_alarms_are_counted(reported: Reported) -> None:
    """And how long the page took that was received."""
    assert reported.figure("Drills played") == 3
    assert reported.figure("Failed, false alarms") == 3
    assert reported.figure("Fault to page, p95") == 7.25


def test_drills_are_shown_over_time(reported: Reported) -> None:
    """By outcome, and with the slowest page."""
    [outcomes] = reported.panel("Drills by outcome")
    assert {one.labels["outcome"] for one in outcomes.series} == {"ok", "failed"}
    [slowest] = reported.panel("Fault to page, slowest")
    assert {value for one in slowest.series for _, value in one.points} == {7.25}


def test_a_drill_that_fails_says_why(reported: Reported) -> None:
    """As a warning, since an error would ring itself."""
    lines = reported.lines("Drills", "drill_finished", 3)
    said = {one.fields["drill"]: one.fields.get("problems", "") for one in lines}
    assert said == {
        "tokens-forged": "",
        "cart-leaks": "not received",
        "cart-hangs": SPOILT.problems[0],
    }
    levels = {one.fields["drill"]: one.fields["level"] for one in lines}
    assert levels == {"tokens-forged": "info", "cart-leaks": "warning", "cart-hangs": "warning"}
    [false] = reported.lines("Drills", "drill_false_alarm", 1)
    assert false.fields["alarm"] == "12:00:00 HighLatency: slow"


def test_who_began_a_drill_is_in_the_audit_trail(reported: Reported) -> None:
    """With what is done, so that whoever is called learns that it is a drill."""
    [line] = reported.lines("Who did it", "audit", 1)
    assert line.fields["audit_action"] == "drill_started"
    assert line.fields["audit_target"] == GOOD.drill
    assert "forged tokens" in line.fields["audit_detail"]
    assert (reported.servers.site.state / "audit" / "belfry-cli.jsonl").is_file()


def test_every_field_that_may_be_absent_is_one_that_drills_write(reported: Reported) -> None:
    """A rename on either side would leave the dashboard empty, and verify content."""
    lines = reported.lines("Drills", "drill_alert", 3)
    assert set(QUIET_FIELDS) <= {name for line in lines for name in line.fields}
