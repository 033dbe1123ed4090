"""Plays scenarios in turn, and at the same time those that do not disturb each other."""

import asyncio
import contextlib
import fcntl
import signal
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx

from observability.alerting.notifications import Notification
from observability.exits import UsageError
from observability.proof.drill import reporting
from observability.proof.drill.evidence import Evidence
from observability.proof.drill.model import Catalogue, Scenario
from observability.proof.drill.outcome import Outcome, Report
from observability.proof.drill.playing import Player, Told
from observability.proof.drill.restoring import Journal
from observability.proof.drill.stage import Stage, beside
from observability.proof.drill.traffic import Traffic
from observability.proof.drill.watch import Alarms, Watch
from observability.query import Alertmanager, Jaeger, Loki, Prometheus, client
from observability.settings import Settings
from observability.stack import control

#: For how long after a drill what it hit or disturbed may still ring.
AFTERGLOW_SECONDS = 120.0
#: Of alerts that look back far.
LONG_AFTERGLOW_SECONDS = {"ErrorBudgetBurn": 1200.0}
#: Seconds of traffic before the first drill, so that rates have something to be taken of.
WARM_UP_SECONDS = 10.0
TERMINATED = "asked to end"
_SETTLING_SECONDS = 60.0


class NotReadyError(Exception):
    """The stack is not in a state to be drilled; says why."""


@dataclass
class Played:
    """When a scenario was played; what came of it may ring for a while after."""

    scenario: Scenario
    began: float
    ended: float = float("inf")

    def explains(self, one: Notification) -> bool:
        """Whether a notification may come of it."""
        at = one.received_at.timestamp()
        glow = LONG_AFTERGLOW_SECONDS.get(one.name, AFTERGLOW_SECONDS)
        during = self.began <= at <= self.ended + glow
        return during and self.scenario.covers(one.labels)


@dataclass
class Run:
    """One run over some scenarios.

    Attributes:
        player: plays them.
        scenarios: which, in order.
        at_once: how many at most at the same time.
        again: whether one that does not hold is played a second time, after all others.
    """

    player: Player
    scenarios: Sequence[Scenario]
    at_once: int
    again: bool = False
    report: Report = field(default_factory=Report)
    _spans: list[Played] = field(default_factory=list)

    async def play(self) -> Report:
        """Play them all."""
        began = time.monotonic()
        waiting = list(self.scenarios)
        before: dict[str, list[str]] = {}
        running: dict[asyncio.Task[Outcome], Scenario] = {}
        try:
            while waiting or running:
                for scenario in startable(waiting, list(running.values()), self.at_once):
                    waiting.remove(scenario)
                    running[asyncio.create_task(self._one(scenario))] = scenario
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    scenario, outcome = running.pop(task), task.result()
                    if self.again and not outcome.ok and scenario.name not in before:
                        before[scenario.name] = outcome.problems
                        waiting.append(scenario)
                        continue
                    outcome.before = before.get(scenario.name, [])
                    self.report.outcomes.append(outcome)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            self.report.seconds = time.monotonic() - began
        self.report.false_alarms = self._false_alarms()
        self.report.not_restored = self.player.stage.journal.failures
        reporting.run_finished(self.report)
        return self.report

    async def _one(self, scenario: Scenario) -> Outcome:
        span = Played(scenario, time.time())
        self._spans.append(span)
        try:
            outcome = await self.player.play(scenario)
        except asyncio.CancelledError:
            reporting.interrupted(scenario)
            raise
        finally:
            span.ended = time.time()
        reporting.finished(outcome)
        verdict = "holds" if outcome.ok else "; ".join(outcome.problems)
        self.player.tell(scenario.name, f"{verdict} ({outcome.seconds:.0f} s)")
        return outcome

    def _false_alarms(self) -> list[str]:
        return [
            f"{one.received_at:%H:%M:%S} {one.name}: {one.summary}"
            for one in self.player.watch.received
            if one.status == "firing" and not any(span.explains(one) for span in self._spans)
        ]


def startable(
    waiting: Sequence[Scenario], running: Sequence[Scenario], at_once: int
) -> list[Scenario]:
    """Which of those that wait may begin now, in order."""
    chosen: list[Scenario] = []
    for scenario in waiting:
        beside = [*running, *chosen]
        if len(beside) >= at_once:
            break
        if not any(scenario.conflicts(other) for other in beside):
            chosen.append(scenario)
    return chosen


async def run(  # noqa: PLR0913 - what a run is of
    settings: Settings,
    catalogue: Catalogue,
    scenarios: Sequence[Scenario],
    at_once: int,
    tell: Told,
    *,
    again: bool = False,
) -> Report:
    """Play scenarios on the running stack under load, and leave it as it was.

    Raises:
        UsageError: another run is under way, or no stack.
        NotReadyError: the stack is not ready.
    """
    with _only_run(settings):
        journal = Journal(settings)
        if left := await asyncio.to_thread(journal.replay):
            tell("restore", f"put back {left} things that an interrupted run had left")
        _end_on_termination()
        traffic = Traffic(settings, catalogue.journeys)
        async with _connected(settings) as (alarms, evidence):
            watch = Watch(settings)
            stage = Stage(settings, journal, traffic.send)
            player = Player(stage, traffic, watch, alarms, evidence, tell)
            await _require_ready(settings, alarms, tell)
            async with traffic.going(catalogue.background), beside(watch.run()):
                await asyncio.sleep(WARM_UP_SECONDS)
                return await Run(player, scenarios, at_once, again).play()


def restore(settings: Settings) -> int:
    """Put back what an interrupted run has left; how many things that were.

    Raises:
        UsageError: a run is under way.
    """
    with _only_run(settings):
        return Journal(settings).replay()


@contextlib.contextmanager
def _only_run(settings: Settings) -> Iterator[None]:
    """Held by the one run on a stack; the kernel frees it however that one ends."""
    try:
        with (settings.state_dir / "drill.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError:
        raise UsageError("another belfry drill is under way on this stack") from None
    except FileNotFoundError:
        raise UsageError(str(control.NotRunningError(settings))) from None


def _end_on_termination() -> None:
    """A request to end is as good as Ctrl-C: everything is put back first."""
    task = asyncio.current_task()

    def end() -> None:
        if task is not None:
            task.cancel(TERMINATED)

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[tuple[Alarms, Evidence]]:
    async with AsyncExitStack() as stack:

        async def http(name: str) -> httpx.AsyncClient:
            return await stack.enter_async_context(client(settings.url(name), 10))

        alarms = Alarms(
            Prometheus(await http("prometheus")), Alertmanager(await http("alertmanager"))
        )
        yield alarms, Evidence(Jaeger(await http("jaeger")), Loki(await http("loki")))


async def _require_ready(settings: Settings, alarms: Alarms, tell: Told) -> None:
    """Make sure that everything runs; wait a while until nothing rings, and go on if it does.

    Raises:
        NotReadyError: something does not run.
    """
    try:
        rows = await asyncio.to_thread(control.ask, settings, "status")
    except control.NotRunningError as error:
        raise NotReadyError(str(error)) from None
    lacking = [f"{row['instance']} {row['state']}" for row in rows if row["state"] != "ready"]
    if lacking:
        raise NotReadyError(f"not everything is ready: {', '.join(lacking)}")
    tell("stack", "waits until it is quiet")
    if loud := await alarms.wait_for_quiet(lambda _: True, _SETTLING_SECONDS):
        tell("stack", f"rings before anything is done: {', '.join(loud)}")
