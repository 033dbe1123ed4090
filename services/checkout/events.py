"""What becomes of an order by what happens to its parcel."""

from sqlalchemy import or_

from observability import get_logger
from services.checkout.model import Inbox, Order, Status, Step
from services.checkout.saga import Saga, reason_of
from services.checkout.statuses import entered
from services.checkout.store import change, note, ship
from services.kit.database import Database
from services.kit.outbox import first_time
from services.kit.problems import Problem
from services.kit.queue import Message, RejectedError, TryLaterError

QUEUE = "orders"
AWAITING_PARCEL = (Step.CLEAR_CART, Step.PARCEL, Step.CALL_OFF)
STEPS = {
    "shipment.created": "parcel_handed_over",
    "shipment.in_transit": "parcel_in_transit",
    "shipment.delivered": "parcel_delivered",
}

log = get_logger(__name__)


class ShipmentEvents:
    """Handles the messages of the queue `orders`.

    Args:
        db: the checkout service's database.
        saga: brings orders to an end that cannot be shipped.
    """

    def __init__(self, db: Database, saga: Saga) -> None:
        self._db = db
        self._saga = saga

    async def handle(self, message: Message) -> None:
        """Note what happened to a parcel, once however often it is told."""
        order_id = message.body.get("order_id")
        if not isinstance(order_id, str):
            raise RejectedError("the body has no order_id")
        try:
            if message.routing_key == "shipment.failed":
                await self._failed(message, order_id)
            elif message.routing_key in STEPS:
                await self._moved(message, order_id)
        except Problem as problem:
            raise TryLaterError(str(problem)) from problem

    async def _moved(self, message: Message, order_id: str) -> None:
        async with self._db.session() as session:
            if not await first_time(session, self._db, Inbox, QUEUE, message.id):
                return
            # Each of these says that there is a parcel: they may overtake one another.
            order = await ship(session, order_id)
            if await session.get(Order, order_id) is None:
                raise RejectedError(f"there is no order {order_id}")
            note(session, order_id, STEPS[message.routing_key], "done")
        if order is not None:
            entered(order)

    async def _failed(self, message: Message, order_id: str) -> None:
        why = Problem(409, "Shipment impossible", str(message.body.get("reason")))
        async with self._db.session() as session:
            if await first_time(session, self._db, Inbox, QUEUE, message.id):
                shippable = [
                    Order.id == order_id,
                    Order.status.in_([Status.PAID, Status.SHIPPED]),
                    # Not one that is on the way back already: it would go that way twice.
                    or_(Order.next_step.is_(None), Order.next_step.in_(AWAITING_PARCEL)),
                ]
                values = {"next_step": Step.REFUND, "reason": reason_of(why), "driven_until": None}
                if await change(session, shippable, values) is not None:
                    note(session, order_id, "ship", "failed")
                    log.warning("shipment_impossible", order_id=order_id)
        # Also for a repeated message: the first time may have come no further.
        await self._saga.resume(order_id)
