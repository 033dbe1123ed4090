"""The dashboard that an alert names shows what the alert is about."""

import re

import pytest

from observability.alerting.catalogue import GROUPS
from observability.alerting.profiles import DEMO
from observability.alerting.spec import Alert, Record
from observability.proof.promql import named
from tests.unit.dashboards.boards import targets

#: Of what makes an alert wait or be excused, rather than ring.
CONDITIONS = {"prometheus:starting:bool", "service:excused:bool"}
OF_METRICS = [group for group in GROUPS if group.source == "metrics"]
RECORDS = [rule for group in OF_METRICS for rule in group.build(DEMO) if isinstance(rule, Record)]
ALERTS = [
    pytest.param(alert, id=alert.name)
    for group in OF_METRICS
    for alert in group.alerts(DEMO)
    # the heartbeat rings always, whatever is measured
    if alert.name != "Watchdog"
]


def measured(expr: str) -> set[str]:
    """Figures that an expression is made of, each with what it is recorded from."""
    found: set[str] = set()
    todo = named(expr).metrics - CONDITIONS
    while todo:
        found |= todo
        sources = [named(one.expr).metrics for one in RECORDS if one.name in todo]
        todo = set().union(*sources) - found - CONDITIONS
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in found}


@pytest.mark.parametrize("alert", ALERTS)
def test_the_dashboard_of_an_alert_shows_what_rings(alert: Alert) -> None:
    """At least one of the figures of its rule, so that who is called sees the cause."""
    shown = {
        figure
        for _, target in targets(alert.dashboard, "prometheus")
        for figure in measured(target["expr"])
    }
    assert measured(alert.expr) & shown
