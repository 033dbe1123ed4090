"""Where to go on looking: addresses with the alert's service and time filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from observability.alerting.evidence.model import Ways
from observability.alerting.evidence.subject import Subject
from observability.alerting.links import links
from observability.alerting.notifications import Notification
from observability.settings import HOST, Settings


@dataclass(frozen=True)
class Places:
    """Base addresses as the reader's browser knows them."""

    console: str
    grafana: str
    alertmanager: str

    def trace(self, trace_id: str) -> str:
        """Where one trace is seen."""
        return self._explore("jaeger", {"query": trace_id, "queryType": ""}, "now-1h", "now")

    def ways(self, one: Notification, subject: Subject) -> Ways:
        """All that can be opened for a notification."""
        known = links(one, grafana=self.grafana)
        start, end = str(round(subject.start * 1000)), str(round(subject.end * 1000))
        traces = logs = None
        if subject.services:
            search = {"queryType": "search", "service": subject.services[0], "limit": 20}
            traces = self._explore("jaeger", search, start, end)
            query = {"queryType": "range", "expr": f"{{{subject.matchers()}}}"}
            logs = self._explore("loki", query, start, end)
        runbook = known.runbook
        return Ways(
            incident=f"{self.console}/incidents/{one.id}",
            dashboard=known.dashboard,
            traces=traces,
            logs=logs,
            runbook=self.console + runbook if runbook and runbook.startswith("/") else runbook,
            silence=self._silence(one.labels),
        )

    def _silence(self, labels: dict[str, str]) -> str:
        pairs = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
        return f"{self.alertmanager}/#/silences/new?filter={quote(f'{{{pairs}}}')}"

    def _explore(self, kind: str, query: Mapping[str, object], start: str, end: str) -> str:
        source = {"type": kind, "uid": kind}
        pane = {
            "datasource": kind,
            "queries": [{"refId": "A", "datasource": source, **query}],
            "range": {"from": start, "to": end},
        }
        panes = quote(json.dumps({"a": pane}), safe="")
        return f"{self.grafana}/explore?schemaVersion=1&panes={panes}"


def places(settings: Settings, console: str | None = None) -> Places:
    """Of a stack: on the reader's own machine unless its settings say otherwise.

    Args:
        settings: of the stack; what stands in `urls` is for processes, not for browsers.
        console: the console's public address.
    """
    grafana = settings.grafana_url or f"http://{HOST}:{settings.port('grafana')}"
    return Places(
        console=(console or f"http://{HOST}:{settings.port('console')}").rstrip("/"),
        grafana=grafana.rstrip("/"),
        alertmanager=f"http://{HOST}:{settings.port('alertmanager')}",
    )
