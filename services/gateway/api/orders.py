"""Orders and their parcels."""

import asyncio
from typing import Annotated

from fastapi import Header, Query, Response

from services.gateway.api.common import ApiUser, api_router, passed_on
from services.gateway.models import NewOrder, Order, Orders, Shipment
from services.gateway.shop import TheShop
from services.kit.fields import PathId
from services.kit.problems import Problem

router = api_router("orders")
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9._:-]{1,128}$",
        description="Needed. A new one for each order, the same for each try to place it.",
    ),
]


@router.post("/orders", status_code=201, response_model=Order)
async def place(
    order: NewOrder, user: ApiUser, shop: TheShop, idempotency_key: Key = None
) -> Response:
    """Order what is in the cart.

    The gateway makes no key for a caller who sends none: a key that is new at each try would
    look like safety and give none.
    """
    if idempotency_key is None:
        detail = "Send an Idempotency-Key: a new one for each order, the same for each try."
        raise Problem(400, "Idempotency-Key missing", detail)
    response = await shop.checkout.post(
        "/orders",
        json=order.model_dump(exclude_none=True),
        token=user.token,
        idempotency_key=idempotency_key,
    )
    return passed_on(response)


@router.get("/orders")
async def orders(
    user: ApiUser, shop: TheShop, page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> Orders:
    """The user's orders, latest first."""
    return await shop.orders(user.token, page)


@router.get("/orders/{order_id}", response_model=Order)
async def order(order_id: PathId, user: ApiUser, shop: TheShop) -> Response:
    """One order, with how far it is."""
    return passed_on(await shop.checkout.get(f"/orders/{order_id}", token=user.token))


@router.post("/orders/{order_id}/cancel", response_model=Order)
async def cancel(order_id: PathId, user: ApiUser, shop: TheShop) -> Response:
    """Cancel an order that is not shipped yet."""
    return passed_on(await shop.cancel_order(order_id, user.token))


@router.get("/shipments/{order_id}", response_model=Shipment)
async def shipment(order_id: PathId, user: ApiUser, shop: TheShop) -> Response:
    """The parcel of one of the user's orders; of another's there is nothing to see."""
    _, found = await asyncio.gather(
        shop.checkout.get(f"/orders/{order_id}", token=user.token),
        shop.shipping.get(f"/shipments/{order_id}"),
    )
    return passed_on(found)
