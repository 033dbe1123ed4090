"""The task of the queue `shipping`: a parcel for every paid order."""

from observability import get_logger
from services.kit.client import ServiceClient
from services.kit.problems import Problem
from services.kit.queue import Message, RejectedError, TryLaterError

QUEUE = "shipping"
SETTLED = {409: "shipment_called_off", 422: "shipment_refused"}
"""Answers that say that there will be no parcel. Shipping tells whom it concerns by an event."""

log = get_logger(__name__)


class ShipPaidOrders:
    """Asks shipping for parcels.

    Args:
        shipping: the shipping service; asking twice for an order makes one parcel.
    """

    def __init__(self, shipping: ServiceClient) -> None:
        self._shipping = shipping

    async def handle(self, message: Message) -> None:
        """Have the order shipped."""
        order = message.body
        try:
            wanted = {
                "order_id": order["order_id"],
                "method": order["shipping_method"],
                "address": order["address"],
                "items": order["items"],
                "contact_email": order["customer"]["email"],
            }
        except (KeyError, TypeError) as error:
            raise RejectedError(f"the event lacks {error}") from error
        try:
            await self._shipping.post("/shipments", json=wanted, idempotent=True)
        except Problem as problem:
            self._refused(str(wanted["order_id"]), problem)
        else:
            log.info("shipment_requested", order_id=wanted["order_id"])

    def _refused(self, order_id: str, problem: Problem) -> None:
        if problem.status >= 500:
            raise TryLaterError(str(problem)) from problem
        if problem.status not in SETTLED or "errors" in problem.extra:
            raise RejectedError(str(problem)) from problem
        log.warning(SETTLED[problem.status], order_id=order_id, reason=problem.detail)
