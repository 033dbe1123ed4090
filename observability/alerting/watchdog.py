"""The dead man's switch: tells when the heartbeat of the alerting path stops, and when it is back.

Everything else is told by that path; so this is told by its end, the inbox, on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from observability.alerting.inbox import Inbox
from observability.alerting.notifications import Heartbeat, Notification
from observability.alerting.spec import Alert, Severity, Team
from observability.alerting.webhook import Webhook, WebhookAlert

SILENT_AFTER = timedelta(minutes=3)
"""Alertmanager repeats the heartbeat every minute: two may be lost on the way."""
_LOOK_EVERY_SECONDS = 5.0
_HEARTBEAT = "Watchdog"

ALERT = Alert(
    name="WatchdogSilent",
    expr="",
    hold=None,
    severity=Severity.CRITICAL,
    team=Team.PLATFORM,
    summary="The alerting path has fallen silent",
    description=(
        "No heartbeat of the Watchdog has arrived for more than"
        f" {SILENT_AFTER.seconds // 60} minutes: rules, Prometheus, Alertmanager or the way from"
        " there to here are broken, and no other alert can be trusted to arrive."
    ),
    dashboard="stack",
    labels={"service_name": "alertmanager", "service_namespace": "belfry"},
)


def last_heartbeat(beats: Iterable[Heartbeat]) -> datetime | None:
    """When the heartbeat that the switch waits for arrived last."""
    return max((beat.received_at for beat in beats if beat.name == _HEARTBEAT), default=None)


class DeadMansSwitch:
    """Watches the heartbeats of an inbox.

    Args:
        inbox: Where heartbeats arrive, and where their absence is told.
        silent_after: How long none may arrive; counted from the start of the watch at the earliest.
        now: The present moment, with its zone.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        silent_after: timedelta = SILENT_AFTER,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._inbox = inbox
        self._silent_after = silent_after
        self._now = now
        self._began = now()

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Tell what has changed since it was told last, also by a console before this one."""
        told = await asyncio.to_thread(self._told)
        last = await asyncio.to_thread(self._last_heartbeat)
        now = self._now()
        if told is None and now - max(last or self._began, self._began) > self._silent_after:
            await self._tell(last or self._began, None)
        elif told is not None and last is not None and last > told.received_at:
            await self._tell(told.starts_at, now)

    def _last_heartbeat(self) -> datetime | None:
        return last_heartbeat(self._inbox.store.heartbeats())

    def _told(self) -> Notification | None:
        """The notification that it is silent, while that still stands."""
        firing = self._inbox.store.find(status="firing")
        return next((one for one in reversed(firing) if one.name == ALERT.name), None)

    async def _tell(self, since: datetime, ended: datetime | None) -> None:
        """By the same door as every notification: receivers and evidence follow from there."""
        alert = WebhookAlert(
            status="firing" if ended is None else "resolved",
            labels={
                "alertname": ALERT.name,
                "severity": str(ALERT.severity),
                "team": str(ALERT.team),
                **ALERT.labels,
            },
            annotations={
                "summary": ALERT.summary,
                "description": ALERT.description,
                "runbook_url": ALERT.runbook,
                "dashboard_url": ALERT.dashboard_link,
            },
            starts_at=since,
            ends_at=ended,
            fingerprint="watchdog-silent",
        )
        group = f'{{}}:{{alertname="{ALERT.name}"}}'
        await self._inbox.receive(
            Webhook(
                version="4",
                group_key=group,
                status=alert.status,
                receiver="inbox",
                alerts=[alert],
            )
        )
