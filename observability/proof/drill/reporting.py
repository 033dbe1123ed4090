"""What becomes of drills, written down: who plays which, how each alert came, how it ended.

Log lines and audit events of the service `belfry`. The dashboard of drills is made of them, and
whoever is called sees among what changed lately that somebody plays a drill. A drill that fails is
a warning: an error would be an alert of its own.
"""

from datetime import UTC, datetime

from observability import get_logger
from observability.proof.drill.model import Scenario
from observability.proof.drill.outcome import Outcome, Report, Rung
from observability.stack import audited

log = get_logger(__name__)


def started(scenario: Scenario) -> None:
    """Somebody begins to play it: an act on the running stack, audited as any other."""
    audited.act("drill_started", scenario.name, what=scenario.what)


def finished(outcome: Outcome) -> None:
    """A line for each expected alert, one if it came to none, and one for the drill."""
    word = "ok" if outcome.ok else "failed"
    for rung in outcome.alerts or [Rung("")]:
        log.info(
            "drill_alert",
            drill=outcome.drill,
            began=_moment(outcome.began),
            outcome=word,
            held=int(outcome.ok),
            alert=rung.alert or None,
            alert_severity=rung.severity or None,
            firing_seconds=_rounded(rung.firing),
            received_seconds=_rounded(rung.received),
            resolved_seconds=_rounded(rung.resolved),
        )
    say = log.info if outcome.ok else log.warning
    say(
        "drill_finished",
        drill=outcome.drill,
        outcome=word,
        took_seconds=_rounded(outcome.seconds),
        problems="; ".join(outcome.problems) or None,
    )


def interrupted(scenario: Scenario) -> None:
    """It was ended before its end; everything is put back."""
    log.warning("drill_interrupted", drill=scenario.name)


def run_finished(report: Report) -> None:
    """A line for each notification that no drill of the run explains."""
    for one in report.false_alarms:
        log.warning("drill_false_alarm", alarm=one)


def _moment(at: float) -> str:
    """In UTC, so that sorted as text they are in order."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
