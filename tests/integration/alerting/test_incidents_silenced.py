"""Silences of incidents, made in a real Alertmanager."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from observability.alerting import incidents
from observability.alerting.notifications import Store
from observability.alerting.webhook import Webhook
from observability.query import Alertmanager, BackendError
from tests.support.real_servers import RealServers
from tests.unit.alerting.samples import alert, webhook

pytestmark = pytest.mark.timeout(1800)  # the first run ever builds the server

UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServers]:
    """Alertmanager alone."""
    found = RealServers(tmp_path_factory.mktemp("silences") / "state")
    found.start("alertmanager")
    yield found
    found.stop("alertmanager")
    found.http.close()


async def test_a_silence_is_made_kept_and_ended(servers: RealServers, tmp_path: Path) -> None:
    """In Alertmanager, on exactly the alert's labels; audited, and part of the timeline."""
    store = Store(tmp_path / "inbox.db")
    [one] = store.record(Webhook.model_validate(webhook(alert())).alerts, datetime.now(UTC))
    audited: list[tuple[str, str]] = []

    def audit(action: str, target: str, _detail: dict[str, str]) -> None:
        audited.append((action, target))

    async with httpx.AsyncClient(base_url=servers.site.url("alertmanager")) as http:
        api = Alertmanager(http)
        for length in (timedelta(hours=1), timedelta(hours=2)):
            made = await incidents.silence(
                store, api, one.id, length, actor="ann", comment="repair", audit=audit
            )
        [silence] = await api.silences()
        assert silence.matchers == one.labels
        assert silence.comment == "repair"
        assert made.silenced is not None
        assert made.silenced.silence == silence.id
        incidents.acknowledge(store, one.id, actor="bob", note="on it", audit=audit)
        ended = await incidents.unsilence(store, api, one.id, actor="bob", audit=audit)
        assert await api.silences() == []
        with pytest.raises(incidents.NotSilencedError):
            await incidents.unsilence(store, api, one.id, actor="bob", audit=audit)
    assert ended.silenced is None
    assert ended.acknowledged is not None
    assert ended.acknowledged.actor == "bob"
    kinds = [event.kind for event in ended.timeline if event.kind not in {"fired", "notified"}]
    assert kinds == ["silenced", "silenced", "acknowledged", "unsilenced"]
    assert [action for action, _ in audited] == [
        "alert_silenced",
        "alert_silenced",
        "alert_acknowledged",
        "alert_unsilenced",
    ]
    assert audited[0][1] == "ServiceDown checkout"


async def test_a_silence_that_cannot_take_the_place_of_another_changes_nothing(
    servers: RealServers, tmp_path: Path
) -> None:
    """It is refused as a whole: what is in force stays so, and nothing is recorded."""
    store = Store(tmp_path / "inbox.db")
    [one] = store.record(Webhook.model_validate(webhook(alert())).alerts, datetime.now(UTC))
    audited: list[str] = []
    hour = timedelta(hours=1)

    def audit(action: str, _target: str, _detail: dict[str, str]) -> None:
        audited.append(action)

    async with httpx.AsyncClient(base_url=servers.site.url("alertmanager")) as http:
        api = Alertmanager(http)
        made = await incidents.silence(
            store, api, one.id, hour, actor="ann", comment="repair", audit=audit
        )
        with pytest.raises(BackendError, match="in the past"):
            await incidents.silence(
                store, api, one.id, timedelta(microseconds=1), actor="a", comment="b", audit=audit
            )
        [silence] = await api.silences()
        assert made.silenced is not None
        assert silence.id == made.silenced.silence
        found = incidents.find_incident(store, one.id)
        assert found is not None
        assert found.silenced == made.silenced
        await api.end_silence(silence.id)
        other = await api.silence(one.labels, hour, author="a", comment="b", instead_of=UNKNOWN)
        await api.end_silence(other)
    store.close()
    assert audited == ["alert_silenced"]


async def test_a_silence_holds_for_a_label_that_was_too_long_to_keep(
    servers: RealServers, tmp_path: Path
) -> None:
    """By what it begins with, whatever that is; another beginning still rings."""
    lines = {"kept": 'a (b)[c] "d" *\n' * 1_000, "other": "x" * 9_000}
    names = {"alertname": "LongLine", "severity": "warning"}
    servers.post(
        "alertmanager",
        "/api/v2/alerts",
        [{"labels": names | {"kind": line}} for line in lines.values()],
    )
    store = Store(tmp_path / "inbox.db")
    given = alert(labels=names | {"kind": lines["kept"], "team": "", "service_name": ""})
    given["labels"] = {name: value for name, value in given["labels"].items() if value}
    [one] = store.record(Webhook.model_validate(webhook(given)).alerts, datetime.now(UTC))
    async with httpx.AsyncClient(base_url=servers.site.url("alertmanager")) as http:
        api = Alertmanager(http)
        await incidents.silence(
            store, api, one.id, timedelta(hours=1), actor="a", comment="b", audit=_nothing
        )
        states = {
            found.labels["kind"]: found.state
            for found in await api.alerts()
            if found.labels["alertname"] == "LongLine"
        }
        await incidents.unsilence(store, api, one.id, actor="a", audit=_nothing)
    store.close()
    assert states == {lines["kept"]: "suppressed", lines["other"]: "active"}


def _nothing(_action: str, _target: str, _detail: dict[str, str]) -> None:
    """Audit nothing."""
