"""The desk: has evidence gathered for what fires and messages delivered to who wants them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from observability.alerting.evidence.gatherer import Gatherer
from observability.alerting.evidence.ways import places
from observability.alerting.inbox import Inbox
from observability.alerting.ledger import Ledger, enqueue, prune, told
from observability.alerting.notifications import Notification
from observability.alerting.receivers.courier import Courier, Patience
from observability.alerting.receivers.hook import HookSender
from observability.alerting.receivers.mail import MailSender
from observability.alerting.receivers.pager import PagerSender
from observability.alerting.receivers.sending import Sender
from observability.alerting.receivers.settings import Hook, Mail, Notify, Receiver, Slack
from observability.alerting.receivers.slack import SlackSender
from observability.alerting.webhook import Webhook, WebhookAlert
from observability.settings import Settings

FAILING = "ReceiverFailing"
"""Name of the alert by which the other receivers, and the inbox, hear that one fails."""

_LAST_DELIVERY_SECONDS = 5.0


class Desk:
    """One for an inbox; nothing is gathered or delivered but while it is `running`."""

    def __init__(
        self, inbox: Inbox, settings: Settings, notify: Notify, patience: Patience | None = None
    ) -> None:
        self._inbox = inbox
        self._receivers = notify.receivers
        self._ledger = Ledger(inbox.store.path)
        self._gatherer = Gatherer(
            inbox.store, self._ledger, settings, places(settings, notify.console_url)
        )
        self._failing = self._known_to_fail()
        patience = patience or Patience(report_after=notify.report_after)
        self._couriers = [
            Courier(
                receiver,
                _sender(receiver),
                inbox.store,
                self._ledger,
                patience=patience,
                report=partial(self._report, receiver),
            )
            for receiver in notify.receivers
        ]
        self._adding: set[asyncio.Task[None]] = set()
        inbox.desk = self

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Gather and deliver while entered; what is not done by the end is done next time."""
        # Its lines on requests hold whole addresses, in which chat tools put their keys.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        await self._settle()
        rounds = [asyncio.create_task(courier.run()) for courier in self._couriers]
        gathering = asyncio.create_task(self._gatherer.run(self._wake))
        try:
            yield
        finally:
            for courier in self._couriers:
                courier.stop()
            if rounds:
                await asyncio.wait(rounds, timeout=_LAST_DELIVERY_SECONDS)
            tasks = [*rounds, gathering, *self._adding]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._ledger.close()

    def arriving(
        self, webhook: Webhook, database: sqlite3.Connection, new: list[Notification]
    ) -> None:
        """Queue a message: an incident begins, grows, or is over with all of its alerts."""
        prune(database)
        fired = [one for one in new if one.status == "firing"]
        if fired:
            for receiver in self._receivers:
                ids = [one.id for one in fired if receiver.wants(one)]
                if ids:
                    enqueue(database, receiver.name, webhook.group_key, "firing", ids)
        elif webhook.status == "resolved":
            ids = [one.id for one in new]
            for name in sorted(told(database, webhook.group_key)):
                enqueue(database, name, webhook.group_key, "resolved", ids)

    def arrived(self, new: list[Notification]) -> None:
        """Begin to gather for what fires, and to deliver."""
        fired = [one for one in new if one.status == "firing"]
        if fired:
            task = asyncio.create_task(self._gatherer.add(fired))
            self._adding.add(task)
            task.add_done_callback(self._adding.discard)
        self._wake()

    def _wake(self) -> None:
        for courier in self._couriers:
            courier.wake()

    async def _settle(self) -> None:
        """Let go of what belongs to receivers that are no longer configured."""
        names = {receiver.name for receiver in self._receivers}
        await asyncio.to_thread(self._ledger.forget_receivers, names)
        for name, since in list(self._failing.items()):
            if name not in names:
                await self._tell(name, since, None)

    def _known_to_fail(self) -> dict[str, datetime]:
        return {
            one.labels.get("receiver", ""): one.starts_at
            for one in self._inbox.store.find(status="firing")
            if one.name == FAILING
        }

    async def _report(self, receiver: Receiver, reason: str | None, since: float) -> None:
        name = receiver.name
        if reason is None and name in self._failing:
            await self._tell(name, self._failing[name], None)
        elif reason is not None and name not in self._failing:
            await self._tell(name, datetime.fromtimestamp(since, UTC), reason)

    async def _tell(self, name: str, since: datetime, reason: str | None) -> None:
        """Tell the inbox and all other receivers, whatever they want else."""
        if reason is None:
            self._failing.pop(name, None)
        else:
            self._failing[name] = since
        alert = _alert(name, since, reason)
        also = partial(self._to_the_others, name)
        store = self._inbox.store
        new = await asyncio.to_thread(store.record, [alert], datetime.now(UTC), also)
        self._inbox.tell(new)

    def _to_the_others(
        self, name: str, database: sqlite3.Connection, new: list[Notification]
    ) -> None:
        for receiver in self._receivers:
            if receiver.name != name:
                incident = f"{FAILING}:{name}"
                enqueue(database, receiver.name, incident, new[0].status, [one.id for one in new])


def _alert(name: str, since: datetime, reason: str | None) -> WebhookAlert:
    back = reason is None
    failing = (
        f"Messages to receiver {name} have failed since {since:%H:%M:%S} UTC ({reason}). They are"
        f" kept and tried again: see whether it is up, and its BELFRY_NOTIFY_{name.upper()}_…"
        " settings."
    )
    return WebhookAlert(
        status="resolved" if back else "firing",
        labels={
            "alertname": FAILING,
            "severity": "warning",
            "team": "platform",
            "service_name": "console",
            "receiver": name,
        },
        annotations={
            "summary": f"Receiver {name} is {'back' if back else 'failing'}",
            "description": f"Receiver {name} takes messages again." if back else failing,
        },
        starts_at=since,
        ends_at=datetime.now(UTC) if back else None,
        fingerprint=hashlib.sha256(f"{FAILING}:{name}".encode()).hexdigest()[:16],
    )


def _sender(receiver: Receiver) -> Sender:
    if isinstance(receiver, Mail):
        return MailSender(receiver)
    if isinstance(receiver, Slack):
        return SlackSender(receiver)
    if isinstance(receiver, Hook):
        return HookSender(receiver)
    return PagerSender(receiver)
