"""What becomes of an order by what happens to its parcel."""

from observability import get_logger, histogram
from services.checkout.model import Inbox, Order, Status, Step
from services.checkout.saga import Saga, entered, reason_of
from services.checkout.store import change, note
from services.kit.database import Database, utc_now
from services.kit.outbox import first_time
from services.kit.problems import Problem
from services.kit.queue import Message, RejectedError, TryLaterError

QUEUE = "orders"
TO_SHIPMENT = histogram(
    "shop_order_to_shipment_seconds",
    "Seconds from the order to its parcel.",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
)
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
            paid = [Order.id == order_id, Order.status == Status.PAID]
            order = await change(session, paid, {"status": Status.SHIPPED})
            if await session.get(Order, order_id) is None:
                raise RejectedError(f"there is no order {order_id}")
            note(session, order_id, STEPS[message.routing_key], "done")
        if order is not None:
            TO_SHIPMENT.observe((utc_now() - order.created_at).total_seconds())
            entered(order)

    async def _failed(self, message: Message, order_id: str) -> None:
        why = Problem(409, "Shipment impossible", str(message.body.get("reason")))
        async with self._db.session() as session:
            if await first_time(session, self._db, Inbox, QUEUE, message.id):
                shippable = [
                    Order.id == order_id,
                    Order.status.in_([Status.PAID, Status.SHIPPED]),
                ]
                values = {"next_step": Step.REFUND, "reason": reason_of(why), "driven_until": None}
                if await change(session, shippable, values) is not None:
                    note(session, order_id, "ship", "failed")
                    log.warning("shipment_impossible", order_id=order_id)
        # Also for a repeated message: the first time may have come no further.
        await self._saga.resume(order_id)
