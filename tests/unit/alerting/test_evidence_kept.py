"""What alerts that fired together share of their evidence, and what is each one's own."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from observability.alerting.evidence.figure import Measure
from observability.alerting.evidence.gather import about_time
from observability.alerting.evidence.model import Change, Evidence, Figure, TraceEvidence, Ways
from observability.alerting.evidence.subject import stated
from observability.alerting.evidence.ways import places
from observability.alerting.ledger import Ledger
from observability.alerting.notifications import Store
from observability.alerting.receivers.message import sections
from observability.alerting.webhook import Webhook
from observability.settings import Settings
from tests.unit.alerting.samples import alert, webhook

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
TRACE = TraceEvidence(trace_id="ab" * 16, service="checkout", name="POST /", at=NOW, seconds=1)
CHANGE = Change(at=NOW, kind="deploy", what="checkout 2")


def figure(text: str) -> Figure:
    """A figure that says so."""
    return Figure(expression="x", unit="number", value=1, text=text)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    store = Store(tmp_path / "inbox.db")
    made = Ledger(store.path)
    yield made
    made.close()
    store.close()


def test_traces_and_changes_are_shared_and_figure_and_links_are_its_own(ledger: Ledger) -> None:
    """Else its runbook and its silence would be another's; the message says what is whose."""
    first = Evidence(
        gathered_at=NOW,
        figure=figure("first"),
        traces=[TRACE],
        changes=[CHANGE],
        ways=Ways(runbook="first"),
        missing=["Loki: did not answer in time"],
    )
    fourth = Evidence(
        gathered_at=NOW, figure=figure("fourth"), ways=Ways(runbook="fourth"), same_as=1
    )
    ledger.keep_evidence(4, fourth)
    assert ledger.evidence(4) == fourth, "the first's is not there yet"
    ledger.keep_evidence(1, first)
    found = ledger.evidence(4)
    assert found is not None
    assert (found.figure, found.ways) == (fourth.figure, fourth.ways)
    assert (found.traces, found.changes, found.missing) == ([TRACE], [CHANGE], first.missing)
    said = "\n".join(sections(found))
    assert "Traces (as alert 1):" in said
    assert "Changed lately (as alert 1):" in said
    assert "fourth" in said
    assert "first" not in said


def test_what_an_alert_is_about_decides_which_traces_come_first() -> None:
    """Not the unit of its figure: a share of slow requests is a matter of time."""
    ratio, seconds = (Measure("x", unit, None) for unit in ("ratio", "seconds"))
    for name in ("HighLatency", "ShipmentsLate", "EventLoopBlocked", "DependencySlow"):
        assert about_time(name, ratio)
    assert not about_time("HighErrorRate", seconds)
    assert about_time("SomebodysOwn", seconds)
    assert not about_time("SomebodysOwn", ratio)
    assert not about_time("SomebodysOwn", None)


def test_links_hold_no_password_and_a_silence_is_made_where_it_is_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence leaves the house by mail and chat."""
    monkeypatch.setenv("GRAFANA_URL", "http://admin:s3cret@grafana.example.org:3000")
    store = Store(tmp_path / "inbox.db")
    [one] = store.record(Webhook.model_validate(webhook(alert())).alerts, NOW)
    store.close()
    ways = places(Settings(state_dir=tmp_path)).ways(one, stated(one))
    assert ways.grafana is not None
    assert ways.grafana.startswith("http://grafana.example.org:3000/d/service-detail?")
    assert "s3cret" not in ways.model_dump_json()
    assert ways.silence == "http://127.0.0.1:8080/alerts/1#silence"
