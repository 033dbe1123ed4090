"""The table of scenarios fits the catalogue of alerts and the shop."""

import json
import tomllib
from pathlib import Path

import pytest

from observability.alerting.catalogue import GROUPS
from observability.alerting.own_alerts import OWN_ALERTS
from observability.alerting.profiles import DEMO
from observability.exits import UsageError
from observability.proof.drill.acts import SetFault
from observability.proof.drill.model import THIRDS, Catalogue, Scenario, load

ROOT = Path(__file__).parents[3]
CATALOGUE = load()
ALERTS = {alert.name for group in GROUPS for alert in group.alerts(DEMO)} | {
    alert.name for alert in OWN_ALERTS
}


def _scenario(name: str) -> Scenario:
    return next(one for one in CATALOGUE.scenarios if one.name == name)


def test_every_alert_is_rehearsed_or_says_why_not() -> None:
    """An alert that is new in the catalogue needs a scenario, or a reason."""
    rehearsed = {alert.name for one in CATALOGUE.scenarios for alert in one.expect}
    assert rehearsed | set(CATALOGUE.unrehearsed) == ALERTS
    assert not rehearsed & set(CATALOGUE.unrehearsed)


def test_a_reason_is_a_sentence() -> None:
    """Whoever asks why an alert is never played is told."""
    assert all(len(reason.split()) > 4 for reason in CATALOGUE.unrehearsed.values())


def test_alerts_that_must_not_ring_exist() -> None:
    """A name that was changed in the catalogue would forbid nothing."""
    assert {alert.name for one in CATALOGUE.scenarios for alert in one.never} <= ALERTS


def test_there_are_at_least_twenty_scenarios() -> None:
    """Each of them with its own name and words."""
    assert len(CATALOGUE.scenarios) >= 20
    assert len({one.what for one in CATALOGUE.scenarios}) == len(CATALOGUE.scenarios)


def test_faults_are_those_of_the_shop() -> None:
    """Each fault flag that is set exists, and may have that value."""
    flags = json.loads((ROOT / "services/kit/flags.json").read_text(encoding="utf-8"))["flags"]
    for one in CATALOGUE.scenarios:
        for act in one.do:
            if isinstance(act, SetFault):
                name, _, value = act.fault.partition("=")
                assert name in flags, one.name
                limit = flags[name].get("metadata", {}).get("maximum")
                assert value == "true" or limit is None or float(value) <= limit, one.name


def test_services_are_those_of_the_stack() -> None:
    """Requests go to services that `belfry up` runs, or to the Collector."""
    known = {*tomllib.loads((ROOT / "belfry.toml").read_text())["services"], "collector"}
    asked = {
        step.request.split()[1].partition("/")[0]
        for journey in CATALOGUE.journeys.values()
        for step in journey.steps
    }
    assert asked <= known


def test_every_scenario_hits_what_it_expects_alerts_of() -> None:
    """Else another drill that hits the same could run beside it."""
    for one in CATALOGUE.scenarios:
        for alert in one.expect:
            about = {value for _, _, value in alert.matchers}
            assert about & one.hits or one.alone, f"{one.name}: {alert}"


def test_every_scenario_says_what_must_not_ring() -> None:
    """But those about the paths of alerts and logs themselves, which disturb no service."""
    silent = {one.name for one in CATALOGUE.scenarios if not one.never}
    assert silent <= {"error-burst", "audit-tampered", "inbox-hangs"}


def test_thirds_are_the_whole() -> None:
    """Each scenario is in one third."""
    thirds = [CATALOGUE.chosen([], third) for third in range(1, THIRDS + 1)]
    assert sorted(one.name for third in thirds for one in third) == sorted(
        one.name for one in CATALOGUE.scenarios
    )


def test_an_unknown_scenario_is_refused_by_name() -> None:
    """With where to look."""
    with pytest.raises(UsageError, match=r"no drill 'nosuch'.*--list"):
        CATALOGUE.chosen(["nosuch"])


def test_drills_that_hit_the_same_are_not_played_at_once() -> None:
    """Nor one that disturbs what another measures."""
    assert _scenario("cart-hangs").conflicts(_scenario("cart-leaks"))
    assert _scenario("cart-leaks").conflicts(_scenario("catalog-hangs"))
    assert not _scenario("cart-leaks").conflicts(_scenario("account-slow"))


def test_a_drill_that_stops_services_is_not_played_beside_one_on_promises() -> None:
    """Alerts on promises are held back while services begin and end."""
    assert _scenario("half-deployed").conflicts(_scenario("account-slow"))
    assert _scenario("account-slow").conflicts(_scenario("half-deployed"))


def test_a_drill_alone_is_alone() -> None:
    """Without Loki no other finds its log lines."""
    loki = _scenario("loki-hangs")
    assert all(loki.conflicts(other) for other in CATALOGUE.scenarios)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ('what = "x"\nunknown = 1', "unknown"),
        ('do = [{ explode = "cart" }]', "do"),
        ("expect = []", "expect"),
        ('expect = ["not one"]', "not of the form"),
        ("traffic = { nosuch = 1 }", "no journey 'nosuch'"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, change: str, says: str) -> None:
    """In one line that says where it is."""
    good = {
        "what": '"x"',
        "do": '[{ fault = "cart.error_rate=1" }]',
        "hits": '["cart"]',
        "expect": '["ServiceDown"]',
    }
    good.pop(change.split(maxsplit=1)[0], None)
    lines = "\n".join(f"{key} = {value}" for key, value in good.items())
    path = tmp_path / "scenarios.toml"
    path.write_text(f"[background]\n[journeys]\n[scenarios.one]\n{lines}\n{change}\n")
    with pytest.raises(UsageError, match=says):
        load(path)


def test_a_catalogue_may_be_empty() -> None:
    """Nothing in it is required of a stack of one's own."""
    assert Catalogue(background={}, journeys={}, scenarios=()).chosen([]) == []
