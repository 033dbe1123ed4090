"""`belfry alerts show` and what acts on an incident, when the console is not running."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from observability.alerting.commands import app
from observability.alerting.incident_view import duration
from observability.alerting.notifications import Store
from observability.alerting.webhook import Webhook
from observability.exits import UsageError
from tests.unit.alerting.samples import alert, webhook


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack that is not running, with one alert in its inbox that ended."""
    for name in ("CONSOLE", "COLLECTOR", "ALERTMANAGER"):
        monkeypatch.setenv(f"BELFRY_PORT_{name}", "1")
    monkeypatch.setenv("BELFRY_STATE_DIR", str(tmp_path))
    store = Store(tmp_path / "inbox.db")
    for payload in (webhook(alert()), webhook(alert("resolved"))):
        store.record(Webhook.model_validate(payload).alerts, datetime.now(UTC))
    store.close()
    return tmp_path


def run(*arguments: str) -> str:
    """Output of `belfry alerts …`, which must succeed."""
    result = CliRunner().invoke(app, [*arguments], env={"COLUMNS": "160"}, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("number", ["1", "2"])
def test_an_incident_is_shown_by_its_beginning_or_its_end(state: Path, number: str) -> None:
    """What happened and the timeline; that there is no evidence yet is said."""
    shown = run("show", number)
    for part in ("ServiceDown", "checkout is down", "still being gathered", "fired", "resolved"):
        assert part in shown
    found = json.loads(run("show", number, "--json"))
    assert found["notification"]["id"] == 1
    assert found["evidence"] is None


def test_an_acknowledgement_is_kept_and_audited(state: Path) -> None:
    """With who, when and the note; in the audit journal too."""
    run("ack", "1", "--note", "rolling back")
    found = json.loads(run("show", "1", "--json"))
    assert found["acknowledged"]["note"] == "rolling back"
    assert "acknowledged" in [event["kind"] for event in found["timeline"]]
    journal = (state / "audit" / "belfry-cli.jsonl").read_text()
    assert "alert_acknowledged" in journal
    assert "ServiceDown checkout" in journal


def test_what_cannot_be_done_is_said_in_one_line(state: Path) -> None:
    """No such notification, nothing to end, nobody who could silence."""
    for arguments, said in (
        (["show", "9"], "no notification 9"),
        (["ack", "9"], "no notification 9"),
        (["unsilence", "1"], "is not silenced"),
        (["silence", "1", "--for", "1h", "--comment", "x"], "nothing was changed: Alertmanager"),
    ):
        with pytest.raises(UsageError, match=said):
            run(*arguments)


def test_durations_are_written_as_people_say_them() -> None:
    """Up to 30 days; anything else names what would do."""
    assert duration("1h30m") == timedelta(minutes=90)
    assert duration("2d") == timedelta(days=2)
    for wrong in ("", "0s", "an hour", "31d", "1m1h"):
        with pytest.raises(UsageError, match="such as 30m"):
            duration(wrong)
