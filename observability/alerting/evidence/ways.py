"""Where to go on looking: addresses with the alert's service and time filled in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from observability.alerting.evidence.model import Ways
from observability.alerting.evidence.subject import Subject
from observability.alerting.links import links
from observability.alerting.notifications import Notification
from observability.settings import Settings


@dataclass(frozen=True)
class Places:
    """Base addresses as the reader's browser knows them, without a slash at their ends."""

    console: str
    grafana: str
    alertmanager: str

    def incident(self, notification_id: int) -> str:
        """Where all of an incident is seen."""
        return f"{self.console}/alerts/{notification_id}"

    def trace(self, trace_id: str) -> str:
        """Where one trace is seen."""
        return f"{self.console}/traces/{quote(trace_id, safe='')}"

    def ways(self, one: Notification, subject: Subject) -> Ways:
        """All that can be opened for a notification."""
        known = links(one, grafana=self.grafana)
        board, runbook = known.dashboard, known.runbook
        span = {"from": str(round(subject.start * 1000)), "to": str(round(subject.end * 1000))}
        traces = logs = None
        if subject.services:
            traces = self._page("traces", span | {"service": subject.services[0]})
            logs = self._page("logs", span | {"query": f"{{{subject.matchers()}}}"})
        return Ways(
            incident=self.incident(one.id),
            dashboard=board and board.replace(f"{self.grafana}/d/", f"{self.console}/dashboards/"),
            grafana=board,
            traces=traces,
            logs=logs,
            runbook=self.console + runbook if runbook and runbook.startswith("/") else runbook,
            silence=self._silence(one.labels),
        )

    def _page(self, name: str, query: dict[str, str]) -> str:
        return f"{self.console}/{name}?{urlencode(query)}"

    def _silence(self, labels: dict[str, str]) -> str:
        pairs = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
        return f"{self.alertmanager}/#/silences/new?filter={quote(f'{{{pairs}}}')}"


def places(settings: Settings, console: str | None = None) -> Places:
    """Of a stack: on the reader's own machine unless its settings say otherwise.

    Args:
        settings: of the stack.
        console: the console's public address.
    """
    return Places(
        console=(console or settings.public_url("console")).rstrip("/"),
        grafana=settings.public_url("grafana"),
        alertmanager=settings.public_url("alertmanager"),
    )
