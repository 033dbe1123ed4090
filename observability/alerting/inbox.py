"""The inbox: receives what Alertmanager sends, keeps it, lists it, and tells who listens."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Protocol, get_args

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Response
from fastapi.responses import StreamingResponse

from observability import counter, get_logger
from observability.alerting.incidents import Incident, find_incident
from observability.alerting.notifications import Heartbeat, Kept, Notification, Store
from observability.alerting.webhook import Moment, Status, Webhook

_KEEPALIVE_SECONDS = 15.0
_LISTENERS_MAX = 64
_ID_MAX = 2**63 - 1  # SQLite's largest integer

RECEIVED = counter(
    "inbox_notifications_total",
    "Notifications kept, each once, by whether an alert began to fire or was resolved.",
    ["status"],
)
for _status in get_args(Status):
    RECEIVED.labels(_status)
LEFT_OUT = counter(
    "inbox_alerts_left_out_total",
    "Alerts that were not kept: Alertmanager left them out, or they could not be read.",
    ["reason"],
)
for _reason in ("truncated", "unreadable"):
    LEFT_OUT.labels(_reason)
log = get_logger(__name__)


class Desk(Protocol):
    """What is done with notifications beyond keeping them."""

    def arriving(self, webhook: Webhook, database: sqlite3.Connection, kept: Kept) -> None:
        """Write down what is to be done, in the transaction that keeps the notifications."""

    def arrived(self, new: list[Notification]) -> None:
        """They are kept, or known ones were repeated: begin, without waiting."""


class Inbox:
    """A store, and those who wait for what comes next."""

    def __init__(
        self,
        store: Store,
        *,
        desk: Desk | None = None,
        keepalive_seconds: float = _KEEPALIVE_SECONDS,
    ) -> None:
        self.store = store
        self.desk = desk
        self._keepalive = keepalive_seconds
        self._listeners: set[asyncio.Event] = set()
        self._closing = False

    async def receive(self, webhook: Webhook) -> list[Notification]:
        """Keep what is new in `webhook`, wake the listeners, answer with what was new."""
        now = datetime.now(UTC)
        people = []
        for alert in webhook.alerts:
            if alert.labels.get("severity") != "none":
                people.append(alert)
            elif alert.status == "firing":
                await asyncio.to_thread(self.store.beat, alert.labels.get("alertname", ""), now)
        desk = self.desk
        also = partial(desk.arriving, webhook) if desk else None
        new = await asyncio.to_thread(self.store.record, people, now, also)
        _note_left_out(webhook)
        self.tell(new)
        return new

    def tell(self, new: list[Notification]) -> None:
        """Wake all who wait for notifications: these have been kept, if any."""
        for one in new:
            _note(one)
        if new:
            self._wake()
        if self.desk:
            self.desk.arrived(new)

    def close(self) -> None:
        """End every stream, so that a server that waits for them can stop."""
        self._closing = True
        self._wake()

    @property
    def full(self) -> bool:
        """Whether no further listener is admitted."""
        return len(self._listeners) >= _LISTENERS_MAX

    async def stream(self, after: int | None) -> AsyncIterator[str]:
        """Server-sent events, one a notification with an id above `after`; None: from now on."""
        woken = asyncio.Event()
        self._listeners.add(woken)
        try:
            if after is None:
                newest = await asyncio.to_thread(self.store.find, limit=1)
                after = newest[0].id if newest else 0
            yield ": connected\n\n"
            while not self._closing:
                woken.clear()
                for item in await asyncio.to_thread(self.store.find, after=after):
                    after = item.id
                    yield f"id: {item.id}\nevent: notification\ndata: {item.model_dump_json()}\n\n"
                if not await self._wait(woken):
                    yield ": still here\n\n"
        finally:
            self._listeners.discard(woken)

    async def _wait(self, woken: asyncio.Event) -> bool:
        try:
            await asyncio.wait_for(woken.wait(), self._keepalive)
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        for listener in self._listeners:
            listener.set()


def _note(one: Notification) -> None:
    """Count it and say so: what reached a person is a signal as any other."""
    RECEIVED.labels(one.status).inc()
    log.info(
        "notification_received",
        notification=one.id,
        alert=one.name,
        status=one.status,
        alert_severity=one.severity,
        about=one.service,
        summary=one.summary,
    )


def _note_left_out(webhook: Webhook) -> None:
    """Count what is in none of the lists, and say so."""
    for reason, count in (
        ("truncated", webhook.truncated_alerts),
        ("unreadable", webhook.unreadable),
    ):
        if count:
            LEFT_OUT.labels(reason).inc(count)
            log.warning("alerts_left_out", group=webhook.group_key, reason=reason, count=count)


def router(inbox: Inbox, token: Callable[[], str]) -> APIRouter:
    """The inbox over HTTP, below `/api/inbox`.

    Args:
        inbox: What is received and read.
        token: What the sender of a notification must know, asked each time: else anybody on the
            machine could send a heartbeat while the alerting path is broken.
    """
    routes = APIRouter(prefix="/api/inbox", tags=["inbox"])

    def known(authorization: Annotated[str, Header()] = "") -> None:
        expected = f"Bearer {token()}"
        if not secrets.compare_digest(authorization.encode(), expected.encode()):
            log.warning("notification_refused", reason="the token is missing or wrong")
            raise HTTPException(401, "show the token of the inbox", {"WWW-Authenticate": "Bearer"})

    @routes.post("/alertmanager", status_code=204, dependencies=[Depends(known)])
    async def receive(webhook: Webhook) -> Response:
        """Take a notification from Alertmanager; taking it twice changes nothing."""
        await inbox.receive(webhook)
        return Response(status_code=204)

    @routes.get("")
    async def listed(
        status: Annotated[Status | None, Query()] = None,
        since: Annotated[Moment | None, Query()] = None,
        after: Annotated[int, Query(ge=0, le=_ID_MAX)] = 0,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 500,
    ) -> list[Notification]:
        """The newest notifications that match, newest last."""
        return await asyncio.to_thread(
            inbox.store.find, status=status, since=since, after=after, limit=limit
        )

    @routes.get("/heartbeats")
    async def heartbeats() -> list[Heartbeat]:
        """When each alert that always fires last arrived."""
        return await asyncio.to_thread(inbox.store.heartbeats)

    @routes.get("/stream")
    async def stream(
        after: Annotated[int | None, Query(ge=0, le=_ID_MAX)] = None,
        last_event_id: Annotated[int | None, Header(ge=0, le=_ID_MAX)] = None,
    ) -> StreamingResponse:
        """Each notification as it arrives, as server-sent events; `after` an id, or from now on."""
        if inbox.full:
            raise HTTPException(503, "too many listeners: close one of them")
        return StreamingResponse(
            inbox.stream(after if last_event_id is None else last_event_id),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    @routes.get("/{notification_id}")
    async def incident(
        notification_id: Annotated[int, Path(ge=1, le=_ID_MAX)],
    ) -> Incident:
        """One incident: the notification with its evidence, its timeline and what was done."""
        found = await asyncio.to_thread(find_incident, inbox.store, notification_id)
        if found is None:
            raise HTTPException(404, f"no notification {notification_id}")
        return found

    return routes
