"""In which order drills are played, what counts as a false alarm, and what is reported."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI, Request

from observability.proof.drill import running, showing
from observability.proof.drill.model import Journey, Scenario, Step
from observability.proof.drill.outcome import Outcome, Report, Rung, percentile
from observability.proof.drill.playing import Player
from observability.proof.drill.traffic import Traffic
from observability.settings import Settings
from tests.support.drills import NOW, notification, scenario
from tests.support.http import listening


def _report() -> Report:
    good = Outcome(
        "cart-hangs",
        seconds=20.0,
        alerts=[Rung("ServiceDown", "critical", 9.0, 10.0, 4.0)],
        evidence=["trace 1"],
    )
    bad = Outcome("cart-leaks", seconds=60.0, problems=["MemoryLeak was not <received>"])
    return Report(
        [good, bad],
        false_alarms=["12:00:00 HighLatency: account is slow"],
        not_restored=["a fault: the disk is full"],
        seconds=80.0,
    )


def test_drills_that_do_not_disturb_each_other_begin_together() -> None:
    """In the order of the file, as many as allowed; one that conflicts waits."""
    cart, other, catalog, account = (
        scenario(name, hits)
        for name, hits in [("a", "cart"), ("b", "cart"), ("c", "catalog"), ("d", "account")]
    )
    waiting = [cart, other, catalog, account]
    assert running.startable(waiting, [], 2) == [cart, catalog]
    assert running.startable([other, account], [cart, catalog], 4) == [account]
    assert running.startable([other], [cart], 4) == []


def test_what_waits_is_not_overtaken_for_ever_by_what_is_alone() -> None:
    """One that must be alone begins once nothing else runs, and nothing beside it."""
    alone = scenario("a", "loki", alone=True)
    cart = scenario("b", "cart")
    assert running.startable([alone, cart], [], 4) == [alone]
    assert running.startable([cart], [alone], 4) == []


@pytest.mark.parametrize(
    ("alert", "service", "at", "explained"),
    [
        ("HighErrorRate", "cart", NOW + 5, True),
        ("HighLatency", "gateway", NOW + 5, True),
        ("HighErrorRate", "account", NOW + 5, False),
        ("HighErrorRate", "cart", NOW - 5, False),
        ("HighErrorRate", "cart", NOW + 60, True),
        ("HighErrorRate", "cart", NOW + 600, False),
        ("ErrorBudgetBurn", "cart", NOW + 600, True),
    ],
)
def test_a_drill_explains_what_it_hits_and_disturbs(
    alert: str, service: str, at: float, explained: bool
) -> None:
    """While it lasts and a while after; alerts that look back far, for as long as they do."""
    errors = scenario("cart-errors", "cart", disturbs=["gateway"])
    span = running.Played(errors, NOW, NOW + 20)
    assert span.explains(notification(alert, service, at)) is explained


def test_the_shop_as_a_whole_is_not_each_of_its_services() -> None:
    """A drill on the tier explains the tier's alert and no other service's."""
    span = running.Played(scenario("half-gone", "shop"), NOW, NOW + 20)
    assert span.explains(notification("TierDown", "shop", NOW + 5))
    assert not span.explains(notification("HighErrorRate", "cart", NOW + 5))


def test_percentiles_are_values_that_were_seen() -> None:
    """The smallest that so many do not exceed."""
    assert percentile(0.95, []) is None
    assert percentile(0.95, [3.0]) == 3.0
    assert percentile(0.5, [4.0, 1.0, 3.0, 2.0]) == 2.0
    assert percentile(0.95, [float(n) for n in range(1, 21)]) == 19.0


def test_only_paging_alerts_count_for_the_time_to_the_inbox() -> None:
    """And of each drill the first one apart."""
    outcomes = [
        Outcome("a", alerts=[Rung("A", "critical", 1, 9.0, 1), Rung("B", "critical", 1, 60.0, 1)]),
        Outcome("b", alerts=[Rung("C", "warning", 1, 90.0, 1), Rung("D")]),
    ]
    report = Report(outcomes)
    assert report.received_p95 == 60.0
    assert report.first_received_p95 == 9.0


def test_a_run_holds_without_problems_and_false_alarms() -> None:
    """Each of them is enough, and so is what could not be put back."""
    assert Report([Outcome("a")]).holds
    assert not Report([Outcome("a", problems=["x"])]).holds
    assert not Report([Outcome("a")], false_alarms=["false"]).holds
    assert not Report([Outcome("a")], not_restored=["a fault"]).holds
    assert Report([Outcome("a")]).as_json()["drills"][0]["ok"]


def test_junit_has_a_case_for_each_drill(tmp_path: Path) -> None:
    """One for false alarms and one for what was not put back; what failed says why."""
    path = tmp_path / "new" / "drill.xml"
    showing.write_junit(_report(), path)
    text = path.read_text(encoding="utf-8")
    assert 'tests="4" failures="3"' in text
    assert text.count("<testcase ") == 4
    assert text.count("<failure ") == 3
    assert '<failure message="MemoryLeak was not &lt;received&gt;">' in text
    assert "<system-out>trace 1</system-out>" in text


def test_the_verdict_names_what_is_wrong() -> None:
    """In lines that a terminal's width does not cut."""
    lines = showing.verdict(_report())
    assert "cart-leaks: WRONG: MemoryLeak was not <received>" in lines
    assert "1 of 2 drills hold, in 80 s" in lines
    assert "false alarm: 12:00:00 HighLatency: account is slow" in lines
    assert "not put back: a fault: the disk is full" in lines
    assert showing.results(_report()).row_count == 2


class _Scripted:
    """Plays what it is told will come of each drill, without a stack."""

    def __init__(self, *problems: list[str]) -> None:
        self._problems = iter(problems)
        self.played: list[str] = []
        self.watch = SimpleNamespace(received=[])
        self.stage = SimpleNamespace(journal=SimpleNamespace(failures=[]))

    def tell(self, name: str, what: str) -> None:
        """Nobody looks."""

    async def play(self, scenario: Scenario) -> Outcome:
        """The next that was told."""
        self.played.append(scenario.name)
        return Outcome(scenario.name, problems=next(self._problems))


def _played(player: _Scripted, *, again: bool) -> Report:
    scenarios = [scenario("a", "cart"), scenario("b", "cart")]
    run = running.Run(cast("Player", player), scenarios, at_once=1, again=again)
    return asyncio.run(run.play())


def test_what_does_not_hold_is_played_a_second_time_after_all_others_if_asked_for() -> None:
    """The second time counts, and the report keeps what was wrong with the first."""
    player = _Scripted(["late"], [], [])
    report = _played(player, again=True)
    assert player.played == ["a", "b", "a"]
    assert report.holds
    assert {one.drill: one.before for one in report.outcomes} == {"a": ["late"], "b": []}
    assert "a: the first time: late" in showing.verdict(report)


def test_nothing_is_played_a_third_time_nor_a_second_unless_asked_for() -> None:
    """A drill that does not hold twice does not hold."""
    player = _Scripted(["late"], [], ["late again"])
    assert not _played(player, again=True).holds
    assert player.played == ["a", "b", "a"]
    player = _Scripted(["late"], [])
    assert not _played(player, again=False).holds
    assert player.played == ["a", "b"]


def _recorder(seen: list[dict[str, Any]], enough: asyncio.Event) -> FastAPI:
    app = FastAPI()

    @app.post("/{path:path}")
    async def post(path: str, request: Request) -> dict[str, str]:
        headers = request.headers
        seen.append({"path": path, "body": await request.json(), **headers})
        if len(_things(seen)) >= 3:
            enough.set()
        return {"token": "t0"}

    return app


def test_traffic_is_made_as_journeys_say() -> None:
    """Customers sign in once; what is random is another in each request, and one within it."""
    seen: list[dict[str, Any]] = []
    enough = asyncio.Event()
    step = Step(
        request="POST account/things/{random}",
        body={"a": ["{random}"], "at": "{now}", "n": 1, "items": "{number}"},
        once=True,
    )

    async def go() -> int:
        async with listening(_recorder(seen, enough)) as url:
            settings = Settings(ports={"account": int(url.rpartition(":")[2])})
            traffic = Traffic(settings, {"buy": Journey(steps=(step,), signed_in=True)})
            async with traffic.going({"buy": 20.0}), asyncio.timeout(30):
                await enough.wait()
            return traffic.sent

    sent = asyncio.run(go())
    things = _things(seen)
    words = [one["path"].rpartition("/")[2] for one in things]
    assert len(set(words)) == len(words) >= 3
    assert [one["body"]["a"] for one in things] == [[word] for word in words]
    assert all(one["body"]["at"].isdigit() and one["body"]["n"] == 1 for one in things)
    assert all(1 <= int(one["body"]["items"]) <= 10_000 for one in things)
    assert all(one["authorization"] == "Bearer t0" for one in things)
    assert len({one["idempotency-key"] for one in things}) == len(things)
    assert sent >= len(seen)


def _things(seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in list(seen) if one["path"].startswith("things/")]
