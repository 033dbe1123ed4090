"""Each rule, moved by a notch or broken on purpose: its unit tests of promtool's notice."""

import pytest

from tests.unit.alerting.breaking import BREAKS, Change, breaks, notches, unnoticed
from tests.unit.alerting.test_alerting_rules import NAMES

# promtool takes some 80 s of processor time, all within whichever test comes first
pytestmark = pytest.mark.timeout(1200)
NOTCHES = notches()
#: Changes that change nothing that matters, each with the reason.
ALIKE = {
    ("dependency:latency:p95", "limit 1: > 0 → >= 0"): "it leaves out NaN, which is neither",
    ("CollectorQueueFilling", "limit 2: > 0 → > 1.5"): "a forecast in bytes",
    ("CollectorQueueFilling", "limit 2: > 0 → >= 0"): "a forecast in bytes",
    ("DiskFillingUp", "limit 2: < 0 → < 1.5"): "a forecast in bytes",
    ("DiskFillingUp", "limit 2: < 0 → <= 0"): "a forecast in bytes",
}


@pytest.fixture(scope="module")
def moved_unnoticed(tmp_path_factory: pytest.TempPathFactory) -> list[Change]:
    """The notches that no test notices."""
    return unnoticed(NOTCHES, tmp_path_factory.mktemp("notches"))


@pytest.fixture(scope="module")
def broken_unnoticed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Change]]:
    """The broken rules that no test notices, by how they are broken."""
    return {kind: unnoticed(breaks(kind), tmp_path_factory.mktemp(kind)) for kind in BREAKS}


@pytest.mark.parametrize("name", sorted({change.name for change in NOTCHES}))
def test_a_limit_or_wait_moved_by_a_notch_is_noticed(
    moved_unnoticed: list[Change], name: str
) -> None:
    """Each is tested just below and just above, and to the evaluation."""
    missed = [change.what for change in moved_unnoticed if change.name == name]
    assert [what for what in missed if (name, what) not in ALIKE] == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", BREAKS)
def test_a_rule_broken_on_purpose_is_caught(
    broken_unnoticed: dict[str, list[Change]], kind: str, name: str
) -> None:
    """Limits and wait ten times as high, a wrong label, no runbook."""
    assert name not in {change.name for change in broken_unnoticed[kind]}


def test_every_alert_can_be_broken_in_every_way() -> None:
    """The Watchdog alone has neither a limit nor a wait."""
    can_be = {kind: {change.name for change in breaks(kind)} for kind in BREAKS}
    assert set(NAMES) - can_be["limit-times-ten"] == {"Watchdog"}
    assert set(NAMES) == can_be["label-wrong"] == can_be["runbook-removed"]


def test_what_is_alike_is_still_there() -> None:
    """An exception for a rule that was changed since would hide another."""
    assert set(ALIKE) <= {(change.name, change.what) for change in NOTCHES}
