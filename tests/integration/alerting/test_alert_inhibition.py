"""What holds back what: a real Alertmanager with the project's configuration."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.real_servers import RealServers

pytestmark = pytest.mark.timeout(600)  # the first run ever builds the server

Labels = dict[str, str]
SHOP = {"service_namespace": "shop", "deployment_environment_name": "local"}
STACK = {"service_namespace": "belfry", "deployment_environment_name": "local"}


def page(name: str, service: str, **more: str) -> Labels:
    """A critical alert of the shop, unless `more` says otherwise."""
    team = {"severity": "critical", "team": "services"}
    return {"alertname": name, "service_name": service} | SHOP | team | more


def ticket(name: str, service: str, **more: str) -> Labels:
    """The same as a warning."""
    return page(name, service, severity="warning", **more)


HELD = [
    (page("TierDown", "shop"), page("ServiceDown", "cart")),
    (page("TierDown", "shop"), ticket("NewError", "gateway")),
    (page("ServiceDown", "cart"), page("HighErrorRate", "cart")),
    (page("ServiceDown", "cart"), ticket("NotReady", "cart")),
    (page("ServiceDown", "worker"), page("ConsumerStalled", "worker")),
    (page("CrashLoop", "cart"), page("ServiceDown", "cart")),
    (page("ConsumerStalled", "worker"), page("ShipmentsLate", "checkout")),
    (
        page("ConsumerStalled", "worker", messaging_destination_name="notification"),
        ticket("OldMessages", "worker", messaging_destination_name="notification"),
    ),
    (page("BadDeploy", "cart"), page("HighLatency", "cart")),
    (page("HighErrorRate", "cart"), ticket("NewError", "cart")),
    (page("BackendDown", "loki", **STACK), page("LokiNotIngesting", "loki", **STACK)),
    (page("BackendDown", "collector", **STACK), ticket("SloDataMissing", "cart")),
]
TOLD = [
    # One service that is down is no reason to hear nothing of others.
    (page("ServiceDown", "catalog"), page("HighErrorRate", "account")),
    (page("ServiceDown", "hello"), page("ConsumerStalled", "worker")),
    (page("ServiceDown", "catalog"), ticket("StaleAnswers", "gateway")),
    # Messages that were given up wait for somebody to replay them.
    (page("ServiceDown", "worker"), ticket("DeadLetters", "worker")),
    (page("TierDown", "shop"), page("SignInAttack", "account", team="security")),
    (page("TierDown", "shop"), page("HighErrorRate", "cart", service_namespace="lab")),
    (
        page("ServiceDown", "cart"),
        page("HighErrorRate", "cart", deployment_environment_name="staging"),
    ),
    (page("HighErrorRate", "cart"), ticket("VersionSkew", "catalog")),
    (
        page("ConsumerStalled", "worker", messaging_destination_name="notification"),
        ticket("OldMessages", "worker", messaging_destination_name="shipping"),
    ),
    # How long there is left, and what is lost, is said beside the server that is down.
    (page("BackendDown", "jaeger", **STACK), ticket("CollectorQueueFilling", "collector", **STACK)),
    (page("BackendDown", "collector", **STACK), ticket("TelemetryDropped", "catalog")),
    (page("BackendDown", "jaeger", **STACK), page("LokiNotIngesting", "loki", **STACK)),
]
#: Numbers of the pairs that show how far Alertmanager has come.
MARKS = itertools.count()
PAIRS = [
    pytest.param(*pair, held, id=" ".join([pair[0]["alertname"], pair[1]["alertname"], how]))
    for held, how, pairs in ((True, "held", HELD), (False, "told", TOLD))
    for pair in pairs
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServers]:
    """Alertmanager alone; its receiver is not there, which is no concern of inhibition."""
    state: Path = tmp_path_factory.mktemp("inhibition")
    running = RealServers(state)
    try:
        running.start("alertmanager")
        yield running
    finally:
        running.__exit__()


@pytest.mark.parametrize(("source", "target", "held"), PAIRS)
def test_a_cause_holds_back_its_consequences_and_nothing_else(
    servers: RealServers, source: Labels, target: Labels, held: bool
) -> None:
    """Both ring; what is asked is whether somebody would be told of the second."""
    rings(servers, source, target)
    until_all_is_weighed(servers)
    try:
        assert is_held(servers, target) is held
        assert not is_held(servers, source)
    finally:
        rings(servers, source, target, ended=True)


def rings(servers: RealServers, *alerts: Labels, ended: bool = False) -> None:
    """Tell Alertmanager that these ring, or no longer do."""
    now = datetime.now(UTC).isoformat()
    end = {"endsAt": now} if ended else {}
    body = [{"labels": one, "startsAt": "2024-01-01T00:00:00Z"} | end for one in alerts]
    servers.post("alertmanager", "/api/v2/alerts", body)


def until_all_is_weighed(servers: RealServers) -> None:
    """Alertmanager learns what holds back what in its own time, in the order it is told of it.

    Once a pair that is known to be held is held, so is all that was told before it.
    """
    lab = {"service_namespace": f"mark-{next(MARKS)}"}
    cause, consequence = page("ServiceDown", "cart", **lab), page("HighErrorRate", "cart", **lab)
    rings(servers, cause, consequence)
    servers.until(lambda: is_held(servers, consequence), within=10, what="a mark that is held")
    rings(servers, cause, consequence, ended=True)


def is_held(servers: RealServers, alert: Labels) -> bool:
    """Whether Alertmanager tells nobody of it because of another."""
    matchers = [f'{name}="{value}"' for name, value in alert.items()]

    def settled() -> list[dict[str, Any]]:
        found = servers.get("alertmanager", "/api/v2/alerts", filter=matchers)
        return [one for one in found if one["status"]["state"] != "unprocessed"]

    found = servers.until(settled, within=10, what=f"{alert['alertname']} in Alertmanager")
    return bool(found[0]["status"]["inhibitedBy"])
