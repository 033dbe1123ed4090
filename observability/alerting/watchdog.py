"""The dead man's switch: tells when the heartbeat of the alerting path stops, and when it is back.

Everything else is told by that path; so this is told by its end, the inbox, on its own. It is
armed once the path can be expected to be whole: by the first heartbeat, or as soon as Prometheus
is ready, before which servers may still be built. `ARMED_WITHIN` is the end of that patience.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

import httpx

from observability.alerting.inbox import Inbox
from observability.alerting.notifications import Heartbeat, Notification
from observability.alerting.own_alerts import WATCHDOG_SILENT, annotations_of, labels_of
from observability.alerting.webhook import Webhook, WebhookAlert
from observability.forever import forever
from observability.query import client

SILENT_AFTER = timedelta(minutes=3)
"""Alertmanager repeats the heartbeat every minute: two may be lost on the way."""
ARMED_WITHIN = timedelta(minutes=30)
"""A first start builds the servers, which takes ten minutes or more where nothing is fast."""
_LOOK_EVERY_SECONDS = 5.0
_ANSWER_SECONDS = 2.0
_HEARTBEAT = "Watchdog"

Ready = Callable[[], Awaitable[bool]]


def last_heartbeat(beats: Iterable[Heartbeat]) -> datetime | None:
    """When the heartbeat that the switch waits for arrived last."""
    return max((beat.received_at for beat in beats if beat.name == _HEARTBEAT), default=None)


class DeadMansSwitch:
    """Watches the heartbeats of an inbox.

    Args:
        inbox: Where heartbeats arrive, and where their absence is told.
        ready: Whether Prometheus can do its work.
        silent_after: How long none may arrive; counted from when it is armed at the earliest.
        now: The present moment, with its zone.
    """

    def __init__(
        self,
        inbox: Inbox,
        ready: Ready,
        *,
        silent_after: timedelta = SILENT_AFTER,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._inbox = inbox
        self._ready = ready
        self._silent_after = silent_after
        self._now = now
        self._began = now()
        self._armed: datetime | None = None

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        await forever("dead-mans-switch", self.look, every=_LOOK_EVERY_SECONDS)

    async def look(self) -> None:
        """Tell what has changed since it was told last, also by a console before this one."""
        told = await asyncio.to_thread(self._told)
        last = await asyncio.to_thread(self._last_heartbeat)
        armed = await self._armed_at(last)
        now = self._now()
        if told is not None:
            if last is not None and last > told.received_at:
                await self._tell(told.starts_at, now)
        elif armed is not None and now - max(last or armed, armed) > self._silent_after:
            await self._tell(last or armed, None)

    async def _armed_at(self, last: datetime | None) -> datetime | None:
        if self._armed is None:
            beaten = last is not None and last > self._began
            late = self._now() - self._began >= ARMED_WITHIN
            if beaten or late or await self._ready():
                self._armed = self._now()
        return self._armed

    def _last_heartbeat(self) -> datetime | None:
        return last_heartbeat(self._inbox.store.heartbeats())

    def _told(self) -> Notification | None:
        """The notification that it is silent, while that still stands."""
        firing = self._inbox.store.find(status="firing")
        return next((one for one in reversed(firing) if one.name == WATCHDOG_SILENT.name), None)

    async def _tell(self, since: datetime, ended: datetime | None) -> None:
        """By the same door as every notification: receivers and evidence follow from there."""
        minutes = f"{self._silent_after.total_seconds() / 60:g}"
        alert = WebhookAlert(
            status="firing" if ended is None else "resolved",
            labels=labels_of(WATCHDOG_SILENT),
            annotations=annotations_of(WATCHDOG_SILENT, minutes=minutes),
            starts_at=since,
            ends_at=ended,
            fingerprint="watchdog-silent",
        )
        group = f'{{}}:{{alertname="{WATCHDOG_SILENT.name}"}}'
        await self._inbox.receive(
            Webhook(
                version="4",
                group_key=group,
                status=alert.status,
                receiver="inbox",
                alerts=[alert],
            )
        )


def prometheus_at(url: str) -> Ready:
    """Whether the Prometheus at this base URL is ready."""

    async def ready() -> bool:
        try:
            async with client(url, _ANSWER_SECONDS) as http:
                return (await http.get("/-/ready")).is_success
        except httpx.HTTPError:
            return False

    return ready
