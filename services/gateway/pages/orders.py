"""Orders: the list, one order's progress with its parcel, and cancelling."""

import asyncio
from typing import Annotated, Literal

from fastapi import Query, Request, Response

from services.gateway.models import Order, Shipment
from services.gateway.pages.common import cart_count, last_page, missing, page_router
from services.gateway.pages.rendering import page, see
from services.gateway.parallel import attempt
from services.gateway.sessions import CurrentVisitor, OwnForm, SignedIn
from services.gateway.shop import TheShop
from services.kit.fields import PathId

REFRESH_SECONDS = 2

router = page_router()


@router.get("/orders")
async def orders(
    *,
    request: Request,
    visitor: CurrentVisitor,
    user: SignedIn,
    shop: TheShop,
    number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1,
) -> Response:
    """List the user's orders."""
    found, count = await asyncio.gather(shop.orders(user.token, number), cart_count(shop, visitor))
    return page(
        request,
        "orders.html",
        cart_count=count.value,
        unavailable=missing(cart=count),
        orders=found,
        last_page=last_page(found),
    )


@router.get("/orders/{order_id}")
async def order(  # noqa: PLR0913 - who, what, and whether to look again
    *,
    request: Request,
    visitor: CurrentVisitor,
    user: SignedIn,
    shop: TheShop,
    order_id: PathId,
    refresh: Annotated[Literal["on", "off"], Query()] = "on",
) -> Response:
    """Show how far an order is; the page looks again by itself until nothing more will change."""
    found, shipment, count = await asyncio.gather(
        shop.order(order_id, user.token),
        attempt(shop.shipment(order_id)),
        cart_count(shop, visitor),
    )
    final = is_final(found, shipment.value)
    return page(
        request,
        "order.html",
        cart_count=count.value,
        unavailable=missing(shipping=shipment, cart=count),
        order=found,
        shipment=shipment.value,
        final=final,
        refresh=REFRESH_SECONDS if refresh == "on" and not final else None,
    )


def is_final(order: Order, shipment: Shipment | None) -> bool:
    """Whether nothing more will happen to an order by itself."""
    if order.status == "cancelled":
        return True
    return shipment is not None and shipment.status in {"delivered", "failed"}


@router.post("/orders/{order_id}/cancel")
async def cancel(user: SignedIn, shop: TheShop, _fields: OwnForm, order_id: PathId) -> Response:
    """Cancel an order."""
    await shop.cancel_order(order_id, user.token)
    return see(f"/orders/{order_id}", "cancelled")
