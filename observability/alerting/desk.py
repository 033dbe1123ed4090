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
from observability.alerting.ledger import Ledger
from observability.alerting.notifications import Kept, Notification
from observability.alerting.outbox import prune
from observability.alerting.own_alerts import RECEIVER_FAILING, annotations_of, labels_of
from observability.alerting.receivers.courier import Courier, Patience
from observability.alerting.receivers.hook import HookSender
from observability.alerting.receivers.mail import MailSender
from observability.alerting.receivers.pager import PagerSender
from observability.alerting.receivers.sending import Sender
from observability.alerting.receivers.settings import (
    PREFIX,
    Hook,
    Mail,
    Notify,
    Receiver,
    Slack,
)
from observability.alerting.receivers.slack import SlackSender
from observability.alerting.telling import Group, tell
from observability.alerting.webhook import Webhook, WebhookAlert
from observability.settings import Settings

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
        self._remind_after = patience.remind_after
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
            tasks = [*rounds, gathering]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._ledger.close()

    def arriving(self, webhook: Webhook, database: sqlite3.Connection, kept: Kept) -> None:
        """Queue messages: an incident begins, grows, goes on, or is over."""
        prune(database)
        group = Group(webhook.group_key, webhook.over, webhook.left_out)
        wants = {receiver.name: receiver.wants for receiver in self._receivers}
        tell(database, group, kept, wants, self._remind_after)

    def arrived(self, new: list[Notification]) -> None:
        """Begin to gather for what fires, and to deliver."""
        self._gatherer.add([one for one in new if one.status == "firing"])
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
            if one.name == RECEIVER_FAILING.name
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

    def _to_the_others(self, name: str, database: sqlite3.Connection, kept: Kept) -> None:
        group = Group(f"{RECEIVER_FAILING.name}:{name}", over=name not in self._failing)
        others = {one.name: _anything for one in self._receivers if one.name != name}
        tell(database, group, kept, others, self._remind_after)


def _anything(_: Notification) -> bool:
    return True


def _alert(name: str, since: datetime, reason: str | None) -> WebhookAlert:
    back = reason is None
    said = annotations_of(
        RECEIVER_FAILING,
        receiver=name,
        since=f"{since:%H:%M:%S}",
        reason=reason or "",
        settings=f"{PREFIX}{name.upper()}_…",
    )
    if back:
        said |= {
            "summary": f"Receiver {name} is back",
            "description": f"Receiver {name} takes messages again.",
        }
    return WebhookAlert(
        status="resolved" if back else "firing",
        labels=labels_of(RECEIVER_FAILING, receiver=name),
        annotations=said,
        starts_at=since,
        ends_at=datetime.now(UTC) if back else None,
        fingerprint=hashlib.sha256(f"{RECEIVER_FAILING.name}:{name}".encode()).hexdigest()[:16],
    )


def _sender(receiver: Receiver) -> Sender:
    if isinstance(receiver, Mail):
        return MailSender(receiver)
    if isinstance(receiver, Slack):
        return SlackSender(receiver)
    if isinstance(receiver, Hook):
        return HookSender(receiver)
    return PagerSender(receiver)
