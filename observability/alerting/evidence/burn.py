"""The figure of an alert on an error budget: the share of bad events, and how much is too much.

Such a rule's own expression has a value only while the budget burns, so it has no course to draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from observability.alerting.evidence.asking import Asking
from observability.alerting.evidence.subject import matchers
from observability.alerting.notifications import Notification
from observability.alerting.profiles import PROFILES
from observability.alerting.spec import IDENTITY
from observability.query import Sample

_RATE, _BUDGET = "slo:burn_rate:ratio", "slo:error_budget:ratio"
_PROMISE = (*IDENTITY, "slo")
_TIERS = {
    recorded: {f"{burn.factor:g}" for one in PROFILES for burn in one.burns if burn.page == page}
    for recorded, page in (("slo:page:ratio", True), ("slo:ticket:burn_rate", False))
}


@dataclass(frozen=True)
class Burn:
    """The share of bad events over the long window of one tier, and its limit."""

    expression: str
    limit: float


async def burn(expression: str, one: Notification, asking: Asking) -> Burn | None:
    """Of the most urgent tier whose limit is passed; None for a rule that is not about a budget."""
    tiers = next((tiers for name, tiers in _TIERS.items() if name in expression), None)
    if tiers is None:
        return None
    whose = matchers({name: one.labels[name] for name in _PROMISE if name in one.labels})
    rates = await asking.ask(
        "Prometheus", lambda: asking.prometheus.instant(f'{_RATE}{{{whose},window="long"}}')
    )
    rates = [each for each in rates if each.labels.get("factor") in tiers and isfinite(each.value)]
    if not rates:
        return None
    fastest = max(rates, key=_urgency)
    promise = matchers({name: fastest.labels[name] for name in _PROMISE if name in fastest.labels})
    budgets = await asking.ask(
        "Prometheus", lambda: asking.prometheus.instant(f"{_BUDGET}{{{promise}}}")
    )
    if not budgets:
        return None
    tier = f'factor="{fastest.labels["factor"]}",window="long"'
    return Burn(
        f"{_RATE}{{{promise},{tier}}} * on ({', '.join(_PROMISE)}) {_BUDGET}{{{promise}}}",
        _factor(fastest) * budgets[0].value,
    )


def _urgency(rate: Sample) -> tuple[bool, float]:
    """Of tiers beyond their limit the highest; where none is any more, the one that is closest."""
    beyond = rate.value > _factor(rate)
    return beyond, _factor(rate) if beyond else rate.value / _factor(rate)


def _factor(rate: Sample) -> float:
    return float(rate.labels["factor"])
