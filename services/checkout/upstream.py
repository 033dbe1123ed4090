"""What checkout asks of other services for an order; all of it may be asked again."""

from typing import Any

from services.checkout.model import Order
from services.kit.client import ServiceClient
from services.kit.problems import Problem


class Upstream:
    """Catalog, cart and shipping.

    Args:
        catalog: keeps the stock.
        cart: keeps what the customer wanted to buy.
        shipping: makes the parcels.
        reservation_ttl_seconds: how long stock is kept for an order that is not paid yet.
    """

    def __init__(
        self,
        catalog: ServiceClient,
        cart: ServiceClient,
        shipping: ServiceClient,
        reservation_ttl_seconds: float,
    ) -> None:
        self._catalog = catalog
        self._cart = cart
        self._shipping = shipping
        self._ttl = reservation_ttl_seconds

    async def reserve(self, order_id: str, lines: list[dict[str, Any]]) -> None:
        """Set stock aside.

        Raises:
            Problem: 404 or 409, there is not enough; 5xx, the catalog is away.
        """
        wanted = [
            {"product_id": line["product_id"], "quantity": line["quantity"]} for line in lines
        ]
        body = {"order_id": order_id, "lines": wanted, "ttl_seconds": self._ttl}
        await self._catalog.post("/reservations", json=body, idempotent=True)

    async def commit(self, order_id: str) -> None:
        """Make the reservation final.

        Raises:
            Problem: 404 or 409, it has expired and the stock is gone; 5xx, the catalog is away.
        """
        await self._catalog.post(f"/reservations/{order_id}/commit", idempotent=True)

    async def release(self, order_id: str) -> None:
        """Give the stock back, and refuse any belated reservation.

        Raises:
            Problem: the catalog is away.
        """
        await self._catalog.delete(f"/reservations/{order_id}")

    async def clear_cart(self, token: str, revision: int) -> None:
        """Empty the customer's cart of what was in it as of a revision.

        Raises:
            Problem: the cart service is away.
        """
        await self._cart.delete("/cart", params={"up_to": revision}, token=token)

    async def request_parcel(self, order: Order) -> None:
        """Have the parcel of an order made, as the worker does, unless there is one.

        Raises:
            Problem: 4xx, there will be none; 5xx, the shipping service is away.
        """
        wanted = {
            "order_id": order.id,
            "method": order.shipping_method,
            "address": order.address,
            "items": sum(line["quantity"] for line in order.lines),
            "contact_email": order.customer["email"],
        }
        await self._shipping.post("/shipments", json=wanted, idempotent=True)

    async def call_off_shipment(self, order_id: str) -> bool:
        """Keep the order from being shipped; False if it has been already.

        Raises:
            Problem: the shipping service is away.
        """
        try:
            await self._shipping.post(f"/shipments/{order_id}/cancel", idempotent=True)
        except Problem as problem:
            if problem.status == 409:
                return False
            raise
        return True
