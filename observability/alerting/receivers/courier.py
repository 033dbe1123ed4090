"""Delivers the messages of one receiver: in order, each until it is taken."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from observability import counter
from observability.alerting.ledger import Delivery, Ledger
from observability.alerting.notifications import Notification, Store
from observability.alerting.receivers.message import Call, Message
from observability.alerting.receivers.sending import RefusedError, Sender, SendingError
from observability.alerting.receivers.settings import Receiver
from observability.forever import forever

_DELIVERIES = counter(
    "alert_deliveries_total", "Attempts to deliver a message.", ["receiver", "outcome"]
)
_LOOK_SECONDS = 30.0
_EVIDENCE_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Patience:
    """Times in seconds, but for `refusals`: how often a message is refused until it is let go.

    Within `remind_after` of a message, what Alertmanager repeats is no reminder.
    """

    report_after: float = 300.0
    remind_after: float = 60.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    evidence_wait: float = 12.0
    refusals: int = 3


Report = Callable[[str | None, float], Awaitable[None]]
"""Told why and since when (unix seconds) a receiver fails; None: it is back."""


class Courier:
    """One receiver's messages; what it has not got yet is on disk."""

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        receiver: Receiver,
        sender: Sender,
        store: Store,
        ledger: Ledger,
        *,
        patience: Patience,
        report: Report,
    ) -> None:
        self._receiver = receiver
        self._sender = sender
        self._store = store
        self._ledger = ledger
        self._patience = patience
        self._report = report
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """There may be something to deliver."""
        self._woken.set()

    def stop(self) -> None:
        """End `run` after the delivery under way, so that what is taken is known to be."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Deliver until stopped."""
        try:
            await forever(
                f"courier-{self._receiver.name}", self._round, until=lambda: self._stopping
            )
        finally:
            await self._sender.close()

    async def _round(self) -> None:
        self._woken.clear()
        pause = await self._step()
        if pause > 0 and not self._stopping:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause)

    async def _step(self) -> float:
        """Deliver what is next; seconds until it is worth looking again."""
        head = await asyncio.to_thread(self._ledger.head, self._receiver.name)
        if head is None:
            return _LOOK_SECONDS
        early = head.next_at - time.time()
        if early > 0:
            return early
        message = await asyncio.to_thread(self._message, head)
        if message is None:
            await asyncio.to_thread(self._ledger.refused, head, "its notifications are forgotten")
            return 0
        waited = time.time() - head.created_at
        awaited = head.message.kind == "news" and message.evidence is None
        if awaited and waited < self._patience.evidence_wait:
            return _EVIDENCE_LOOK_SECONDS
        return await self._deliver(head, message)

    def _message(self, head: Delivery) -> Message | None:
        kind = head.message.kind
        alerts = self._alerts(head)
        if not alerts:
            return None
        evidence = None
        if kind in {"end", "over"}:
            alerts = [self._store.ending(one) for one in alerts]
        else:
            evidence = self._ledger.evidence(alerts[0].id)
        calls = self._calls(head)
        at = datetime.fromtimestamp(head.created_at, UTC)
        return Message(head.incident, kind, at, alerts, evidence, calls, head.message.left_out)

    def _calls(self, head: Delivery) -> list[Call]:
        """One for each message with news: whoever acknowledged the first is called for the next."""
        news = self._ledger.news(head.receiver, head.incident, until=head.id)
        keys = [head.incident, *(f"{head.incident}-{one.id}" for one in news[1:])]
        return [Call(key, self._alerts(one)) for key, one in zip(keys, news, strict=False)]

    def _alerts(self, delivery: Delivery) -> list[Notification]:
        found = (self._store.one(one) for one in delivery.message.notifications)
        return [one for one in found if one is not None]

    async def _deliver(self, head: Delivery, message: Message) -> float:
        try:
            await self._sender.send(message)
        except SendingError as error:
            return await self._not_delivered(head, error)
        except Exception as error:  # whatever it is, it must not end this receiver's deliveries
            return await self._not_delivered(head, SendingError(type(error).__name__))
        _DELIVERIES.labels(self._receiver.name, "delivered").inc()
        await asyncio.to_thread(self._ledger.sent, head)
        await self._report(None, time.time())
        return 0

    async def _not_delivered(self, head: Delivery, error: SendingError) -> float:
        reason = self._receiver.scrubbed(str(error))[:300]
        refused = isinstance(error, RefusedError)
        _DELIVERIES.labels(self._receiver.name, "refused" if refused else "failed").inc()
        since = head.failing_since or time.time()
        if refused and head.attempts + 1 >= self._patience.refusals:
            await asyncio.to_thread(self._ledger.refused, head, reason)
            await self._report(f"it refuses a message: {reason}", since)
            return 0
        limit = since + self._patience.report_after - time.time()
        if limit <= 0:
            await self._report(reason, since)
        pause = self._pause(head.attempts, error.again_in)
        if 0 < limit < pause:
            pause = limit
        await asyncio.to_thread(self._ledger.failed, head, reason, pause)
        return pause

    def _pause(self, attempts: int, asked: float | None) -> float:
        """Twice as long each time, up to the longest, and not in step with other receivers."""
        longest = self._patience.longest_wait
        doubled = self._patience.first_wait * 2.0 ** min(attempts, 20)
        jitter = random.uniform(0.8, 1.0)  # noqa: S311 - not for secrets
        return min(longest, max(doubled, asked or 0.0)) * jitter
