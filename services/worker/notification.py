"""The task of the queue `notification`: a mail to the customer about everything that happens."""

import asyncio

from observability import counter, get_logger
from services.kit.database import Database
from services.kit.outbox import first_time
from services.kit.problems import Problem
from services.kit.queue import Message, RejectedError, TryLaterError
from services.worker.model import Inbox, Mail

QUEUE = "notification"
SUBJECTS = {
    "order.placed": "We have your order",
    "order.paid": "Thank you for your payment",
    "order.cancelled": "Your order is cancelled",
    "shipment.created": "Your parcel is packed",
    "shipment.in_transit": "Your parcel is on its way",
    "shipment.delivered": "Your parcel is there",
    "shipment.failed": "We could not ship your order",
}
NOTIFICATIONS = counter("shop_notifications_total", "Mails to customers.", ["kind"], shown=SUBJECTS)

log = get_logger(__name__)


class NotifyCustomers:
    """Writes mails; they end in the worker's own table instead of a mailbox.

    Args:
        db: the worker's database.
        seconds: how long the simulated mail server takes.
    """

    def __init__(self, db: Database, seconds: float) -> None:
        self._db = db
        self._seconds = seconds

    async def handle(self, message: Message) -> None:
        """Send the mail for an event, one however often the event is told."""
        mail = _mail(message)
        await asyncio.sleep(self._seconds)
        try:
            async with self._db.session() as session:
                new = await first_time(session, self._db, Inbox, QUEUE, message.id)
                if new:
                    session.add(mail)
        except Problem as problem:
            raise TryLaterError(str(problem)) from problem
        if new:
            NOTIFICATIONS.labels(mail.kind).inc()
            log.info("customer_notified", order_id=mail.order_id, kind=mail.kind)


def _mail(message: Message) -> Mail:
    kind = message.routing_key
    if kind not in SUBJECTS:
        raise RejectedError(f"there is no mail for {kind}")
    try:
        order_id = message.body["order_id"]
        if kind.startswith("order."):
            recipient = message.body["customer"]["email"]
        else:
            recipient = message.body["contact_email"] or ""
    except (KeyError, TypeError) as error:
        raise RejectedError(f"the event lacks {error}") from error
    return Mail(
        message_id=message.id,
        order_id=order_id,
        kind=kind,
        recipient=recipient,
        subject=f"{SUBJECTS[kind]} ({order_id[:8]})",
    )
