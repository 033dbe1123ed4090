"""Plays one scenario: does it, waits for what must come, undoes it, waits for the end."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from observability.proof.drill import reporting
from observability.proof.drill.evidence import Evidence
from observability.proof.drill.heard import Heard
from observability.proof.drill.model import Scenario
from observability.proof.drill.outcome import Outcome, Rung
from observability.proof.drill.selector import Selector
from observability.proof.drill.stage import Stage
from observability.proof.drill.traffic import Traffic
from observability.proof.drill.watch import Alarms, Watch

#: How long an earlier drill's alerts may take to end before they count as a problem.
QUIET_SECONDS = 90.0
#: How long traces and log lines may take to be found once the alert has come.
EVIDENCE_SECONDS = 15.0

Told = Callable[[str, str], None]


@dataclass(frozen=True)
class Player:
    """Plays scenarios, several at the same time if need be.

    Attributes:
        stage: what acts act on.
        traffic: the load.
        watch: sees the inbox.
        alarms: what rings and what is about to.
        evidence: finds traces and log lines.
        tell: is told, by drill, what it is about.
    """

    stage: Stage
    traffic: Traffic
    watch: Watch
    alarms: Alarms
    evidence: Evidence
    tell: Told

    async def play(self, scenario: Scenario) -> Outcome:
        """Play a scenario to its end, whatever comes of it."""
        outcome = Outcome(scenario.name)
        self.tell(scenario.name, "waits until it is quiet")
        loud = await self.alarms.wait_for_quiet(scenario.concerns, QUIET_SECONDS)
        if scenario.measures_promises:
            await self.alarms.wait_until_settled(QUIET_SECONDS)
        outcome.began = time.time()
        if loud:
            outcome.problems.append(f"rings before anything is done: {', '.join(loud)}")
            return outcome
        reporting.started(scenario)
        heard = Heard(scenario, self.watch.received)
        try:
            async with self.traffic.going(scenario.traffic):
                await self._play(scenario, heard, outcome)
        except Exception as error:  # of whatever kind: the drills after it are still to be played
            outcome.problems.append(str(error) or type(error).__name__)
        outcome.seconds = time.time() - outcome.began
        outcome.problems.extend(
            f"{rule} must not ring and did: {one.summary}" for rule, one in heard.forbidden()
        )
        return outcome

    async def _play(self, scenario: Scenario, heard: Heard, outcome: Outcome) -> None:
        async with contextlib.AsyncExitStack() as acts:
            self.tell(scenario.name, scenario.what)
            fault_at = time.time()
            for act in scenario.do:
                fault_at = fault_at if act.prepares else time.time()
                await acts.enter_async_context(act.applied(self.stage))
            await self.watch.until(heard.all_fire, scenario.within)
            for selector in scenario.expect:
                outcome.alerts.append(await self._rung(heard, selector, fault_at, outcome))
            if heard.all_fire():
                self.tell(scenario.name, "rings; looks for traces and log lines")
                found = await self.evidence.gather(scenario, fault_at, EVIDENCE_SECONDS)
                outcome.evidence, missing = found
                outcome.problems.extend(missing)
            self.tell(scenario.name, "repairs it")
        cleared_at = time.time()
        self.tell(scenario.name, "is repaired; waits for the end")
        await self.watch.until(heard.all_resolved, scenario.resolved_within)
        for rung, selector in zip(outcome.alerts, scenario.expect, strict=True):
            self._end(heard, selector, rung, cleared_at, outcome)

    async def _rung(
        self, heard: Heard, selector: Selector, fault_at: float, outcome: Outcome
    ) -> Rung:
        first = heard.firing(selector)
        if first is None:
            state = await self.alarms.state(selector.name)
            outcome.problems.append(f"{selector} was not received: {state}")
            return Rung(str(selector))
        return Rung(
            str(selector),
            first.severity,
            first.starts_at.timestamp() - fault_at,
            first.received_at.timestamp() - fault_at,
        )

    def _end(
        self, heard: Heard, selector: Selector, rung: Rung, cleared_at: float, outcome: Outcome
    ) -> None:
        last = heard.resolved(selector)
        if last is not None:
            rung.resolved = last.received_at.timestamp() - cleared_at
        elif rung.received is not None:
            outcome.problems.append(f"{selector} has not ended")
