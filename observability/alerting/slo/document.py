"""docs/slos.md: the promises as people read them, made of the specs."""

from __future__ import annotations

from pathlib import Path

from observability.alerting.profiles import PROFILES, Profile
from observability.alerting.slo.model import EVERY_OTHER, Spec, load

PATH = Path(__file__).parents[3] / "docs" / "slos.md"

_HEAD = """\
<!-- Generated from observability/alerting/slo by `python -m observability.alerting`. -->
# What the shop promises

An SLO says which share of events must be good; the rest is the error budget, which may be spent.
Alerts ring on how fast it is spent: a burn rate of 1 spends it exactly within its window. Both a
long and a short window must burn too fast, so that an alert means something and ends soon after
its cause.

An event is a request (good: no 5xx; good: answered in time) or an order (good: its shipment came
in time). Failures while a service restarts are left out in the demo profile, whose windows are as
short as a restart; a service that stays away rings by itself (ServiceDown). Where work is done
and nothing is counted, SloDataMissing rings.

The dashboard *SLOs and error budgets* shows what is left. To change a promise, edit
`observability/alerting/slo/<service>.yaml` and run `python -m observability.alerting`.
"""

_ALERTS = {
    "availability": "HighErrorRate",
    "latency": "HighLatency",
    "freshness": "ShipmentsLate",
}


def text() -> str:
    """The whole page."""
    return "\n".join([_HEAD, _promises(), *(_profile(profile) for profile in PROFILES)])


def _promises() -> str:
    rows = [row for spec in load() for row in _rows(spec)]
    head = "| Service | Promise | Good | Page | Whom it hurts |\n|---|---|---|---|---|"
    return "\n".join(["## Promises", head, *rows, ""])


def _rows(spec: Spec) -> list[str]:
    parts = {
        "availability": spec.availability,
        "latency": spec.latency,
        "freshness": spec.freshness,
    }
    name = "every other" if spec.service == EVERY_OTHER else spec.service
    return [
        f"| {name} | {part.promise} | {part.objective * 100:g} % | {_ALERTS[kind]} | {spec.users} |"
        for kind, part in parts.items()
        if part is not None
    ]


def _profile(profile: Profile) -> str:
    rows = [
        f"| {burn.factor:g} | {burn.long} | {burn.short} | {'page' if burn.page else 'ticket'} |"
        for burn in profile.burns
    ]
    return "\n".join(
        [
            f"## Profile {profile.name}: a budget lasts {profile.budget_window}",
            f"A page waits for {profile.page_hold} of it and at least {profile.failures_at_least}"
            f" bad events; a ticket (ErrorBudgetBurn) for {profile.ticket_hold}.",
            "",
            "| Times the pace | Long window | Short window | Rings as |\n|---|---|---|---|",
            *rows,
            "",
        ]
    )
