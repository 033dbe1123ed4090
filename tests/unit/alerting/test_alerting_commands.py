"""`belfry alerts` reads the inbox: as a table, as JSON, also when the console is not running."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from observability.alerting.commands import app
from observability.alerting.links import links
from observability.alerting.notifications import Store
from observability.alerting.webhook import Webhook
from observability.exits import UsageError
from tests.unit.alerting.samples import alert, webhook


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The inbox of a stack whose console is not running."""
    monkeypatch.setenv("BELFRY_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("BELFRY_PORT_CONSOLE", "1")
    return Store(tmp_path / "inbox.db")


def fill(store: Store) -> None:
    """One alert that ended and one that fires."""
    cart = alert(fingerprint="cart", annotations={"summary": "cart [red] is slow"})
    for payload in (webhook(alert()), webhook(alert("resolved")), webhook(cart)):
        store.record(Webhook.model_validate(payload).alerts, datetime.now(UTC))


def run(*arguments: str) -> str:
    """Output of `belfry alerts …`, which must succeed."""
    result = CliRunner().invoke(app, [*arguments], env={"COLUMNS": "160"}, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_table_has_a_line_a_notification_newest_last(store: Store) -> None:
    """With state, severity, name, text as it was sent, and how long it lasted."""
    fill(store)
    lines = run().strip().splitlines()[2:]
    assert [line.split()[2] for line in lines] == ["firing", "resolved", "firing"]
    assert "2 min 30 s" in lines[0]
    assert "cart [red] is slow" in lines[2]


def test_json_is_an_array_of_the_same(store: Store) -> None:
    """For programs: labels and all."""
    fill(store)
    found = json.loads(run("--json", "--status", "firing"))
    assert [one["fingerprint"] for one in found] == ["cart"]
    assert found[0]["labels"]["alertname"] == "ServiceDown"


def test_an_empty_inbox_says_so(store: Store) -> None:
    """Rather than showing an empty table."""
    assert run() == "No notifications.\n"
    assert json.loads(run("--json")) == []


def test_without_console_and_inbox_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that names the way out."""
    monkeypatch.setenv("BELFRY_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("BELFRY_PORT_CONSOLE", "1")
    with pytest.raises(UsageError, match="start `belfry up`"):
        run()


def test_links_lead_to_the_time_of_the_alert(store: Store) -> None:
    """The dashboard shows from a quarter of an hour before until after its end, or until now."""
    fill(store)
    ended, _, fires = store.find()
    over = links(ended, grafana="http://grafana:3000/")
    start = "http://grafana:3000/d/service-detail?var-service=checkout&from=1772358300123&to="
    assert over.dashboard == f"{start}1772359650000"
    assert links(fires, grafana="http://grafana:3000").dashboard == f"{start}now"
    assert over.runbook == "/docs/runbooks/ServiceDown.md"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "//elsewhere/d/x", "data:text/html,x"])
def test_an_annotation_cannot_smuggle_a_script_into_a_link(store: Store, address: str) -> None:
    """Only web addresses and our own paths are linked."""
    smuggled = alert(annotations={"dashboard_url": address, "runbook_url": address})
    store.record(Webhook.model_validate(webhook(smuggled)).alerts, datetime.now(UTC))
    found = links(store.find()[-1], grafana="http://grafana:3000")
    assert (found.dashboard, found.runbook) == (None, None)
