"""The one look: colours with a meaning, units, thresholds."""

from __future__ import annotations

from typing import Any

GOOD, NOTICE, WARN, BAD = "green", "yellow", "orange", "red"
CALM = "blue"

SECONDS = "s"
PER_SECOND = "reqps"
EVENTS_PER_SECOND = "cps"
RATIO = "percentunit"
BYTES = "bytes"
BYTES_PER_SECOND = "Bps"
COUNT = "short"
EUROS = "currencyEUR"
CORES = "none"

WORD_COLOURS = {
    "error": BAD,
    "declined": WARN,
    "hit": GOOD,
    "miss": CALM,
    "stale": WARN,
    "ok": GOOD,
    "p50": "light-blue",
    "p95": CALM,
    "p99": "dark-blue",
    "critical": "dark-red",
    "warning": NOTICE,
    "info": CALM,
    "debug": "text",
    "failed": BAD,
    "cancelled": WARN,
    "used": CALM,
    "idle": GOOD,
}
"""Series of these names look the same on every dashboard."""

WORD_LABELS = ("level", "outcome", "result", "state", "status")
"""The labels whose values are such words."""

Steps = list[dict[str, Any]]


def neutral(colour: str = CALM) -> Steps:
    """One colour at any value: a figure that is neither good nor bad."""
    return [{"color": colour, "value": None}]


def above(warn: float, bad: float | None = None) -> Steps:
    """Good below `warn`, bad from `bad` on; without `bad` it is bad from `warn` on."""
    steps: Steps = [{"color": GOOD, "value": None}]
    if bad is None:
        return [*steps, {"color": BAD, "value": warn}]
    return [*steps, {"color": WARN, "value": warn}, {"color": BAD, "value": bad}]


def at_least(least: float) -> Steps:
    """Good from `least` on, bad below it."""
    return [{"color": BAD, "value": None}, {"color": GOOD, "value": least}]


def below(warn: float, bad: float) -> Steps:
    """Good from `warn` on, bad below `bad`."""
    return [
        {"color": BAD, "value": None},
        {"color": WARN, "value": bad},
        {"color": GOOD, "value": warn},
    ]
