"""Promises, and how much of what they allow is left."""

from dashboards.kit.board import Dashboard, Row
from dashboards.kit.links import to_dashboard
from dashboards.kit.model import Look, Meaning
from dashboards.kit.panels import stat, timeseries
from dashboards.kit.promql import ENVIRONMENT, SERVICE, rate, series, total
from dashboards.kit.queries import Prom
from dashboards.kit.style import COUNT, EVENTS_PER_SECOND, RATIO, above, below
from dashboards.kit.tables import Column, Lines, table
from dashboards.kit.variables import ENVIRONMENT as ENVIRONMENT_VARIABLE
from dashboards.kit.variables import INTERVAL, SERVICES

_HERE = (SERVICE, ENVIRONMENT)
_EACH = ("service_name", "slo")
_LEGEND = "{{service_name}} {{slo}}"
_LINK = (to_dashboard("Service", "service-detail", service="${__field.labels.service_name}"),)
_LEFT = series("slo:budget_remaining:ratio", *_HERE)
_BUDGET = series("slo:error_budget:ratio", *_HERE)


def _burn(factor: str, window: str = "long") -> str:
    """How many times faster than it may the budget is spent; 1 lasts exactly."""
    matchers = (f'factor="{factor}"', f'window="{window}"', *_HERE)
    return total(series("slo:burn_rate:ratio", *matchers), *_EACH, using="max")


_NOW = Row(
    "Now",
    [
        stat(
            "Least budget left",
            Prom(f"min({_LEFT})"),
            says=Meaning("Above half.", "Below 0 a promise is broken: no risky change."),
            look=Look(unit=RATIO, steps=below(0.5, 0), minimum=None),
            size=(6, 4),
        ),
        stat(
            "Fastest burn",
            Prom(f"max({_burn('14.4')})"),
            says=Meaning("Below 1.", "From 14.4 on a person is called: runbook HighErrorRate."),
            look=Look(unit=COUNT, steps=above(1, 14.4), decimals=1),
            size=(6, 4),
        ),
        stat(
            "Promises",
            Prom(f"count({_BUDGET})"),
            says=Meaning("Two a service, and one of orders.", "Fewer: see runbook SloDataMissing."),
            look=Look(decimals=0),
            size=(6, 4),
        ),
        stat(
            "Promises broken now",
            Prom(f"count({_LEFT} < 0) or vector(0)"),
            says=Meaning("0.", "The table below says which."),
            look=Look(steps=above(1), decimals=0),
            size=(6, 4),
        ),
    ],
)

_EVERY = Row(
    "Every promise",
    [
        table(
            "Promises in figures",
            Column(
                "Promised",
                total(f"1 - {_BUDGET}", *_EACH, using="max"),
                Look(unit=RATIO, decimals=2),
            ),
            Column(
                "Budget left",
                total(_LEFT, *_EACH, using="min"),
                Look(unit=RATIO, steps=below(0.5, 0), minimum=None, decimals=1),
                coloured=True,
            ),
            Column("Burn", _burn("14.4"), Look(steps=above(1, 14.4), decimals=2), coloured=True),
            Column("Burn, days", _burn("1"), Look(steps=above(1, 3), decimals=2), coloured=True),
            lines=Lines(
                {"service_name": "Service", "slo": "Promise"},
                (to_dashboard("Service", "service-detail", service="${__value.text}"),),
            ),
            says=Meaning(
                "No red.", "Open the service; the runbook of its alert says how to go on."
            ),
            size=(24, 9),
        )
    ],
)

_COURSE = Row(
    "Over time",
    [
        timeseries(
            "Budget left",
            Prom(total(_LEFT, *_EACH, using="min"), _LEGEND),
            says=Meaning("Level, or falling slowly.", "A steep fall is an outage: look at it."),
            look=Look(unit=RATIO, steps=below(0.5, 0), minimum=None, links=_LINK),
            size=(12, 8),
        ),
        timeseries(
            "Burn over the shortest windows",
            Prom(_burn("14.4"), _LEGEND),
            says=Meaning("Below 1.", "Above 14.4 for long and short window: HighErrorRate."),
            look=Look(steps=above(1, 14.4), links=_LINK),
            size=(12, 8),
        ),
        timeseries(
            "Burn over the middle windows",
            Prom(_burn("6"), f"{_LEGEND} page"),
            Prom(_burn("3"), f"{_LEGEND} ticket"),
            says=Meaning("Below 1.", "Pages from 6 on, tickets from 3 on."),
            look=Look(steps=above(3, 6), links=_LINK),
            size=(12, 8),
        ),
        timeseries(
            "Burn over the longest windows",
            Prom(_burn("1"), _LEGEND),
            says=Meaning("Below 1.", "Above 1 the budget does not last: ErrorBudgetBurn."),
            look=Look(steps=above(1), links=_LINK),
            size=(12, 8),
        ),
        timeseries(
            "Events",
            Prom(total(rate("slo:events:total", *_HERE), *_EACH), _LEGEND),
            says=Meaning("Follows the traffic.", "None while there is traffic: SloDataMissing."),
            look=Look(unit=EVENTS_PER_SECOND),
            size=(12, 8),
        ),
        timeseries(
            "Bad events",
            Prom(total(rate("slo:bad_events:total", *_HERE), *_EACH), _LEGEND),
            says=Meaning("Hardly any.", "The service's dashboard says which requests."),
            look=Look(unit=EVENTS_PER_SECOND, links=_LINK),
            size=(12, 8),
        ),
    ],
)

DASHBOARD = Dashboard(
    uid="slo",
    title="SLOs and error budgets",
    description="Do we keep what we promise, and how much may still go wrong?",
    variables=(ENVIRONMENT_VARIABLE, SERVICES, INTERVAL),
    rows=(_NOW, _EVERY, _COURSE),
    span="1h",
)
