"""The cart of the signed-in user, and what shipping would cost."""

from typing import Annotated

from fastapi import Query, Response

from services.gateway.api.common import api_router, passed_on
from services.gateway.models import Cart, PathId, Quantity, Quotes
from services.gateway.shop import TheShop
from services.kit.auth import CurrentUser

router = api_router("cart")


@router.get("/cart", response_model=Cart)
async def cart(user: CurrentUser, shop: TheShop) -> Response:
    """What is in the cart."""
    return passed_on(await shop.cart.get("/cart", token=user.token))


@router.put("/cart/items/{product_id}", response_model=Cart)
async def put(product_id: PathId, quantity: Quantity, user: CurrentUser, shop: TheShop) -> Response:
    """Set how many of a product are in the cart."""
    path = f"/cart/items/{product_id}"
    return passed_on(await shop.cart.put(path, json=quantity.model_dump(), token=user.token))


@router.delete("/cart/items/{product_id}", status_code=204)
async def remove(product_id: PathId, user: CurrentUser, shop: TheShop) -> Response:
    """Take a product out of the cart."""
    return passed_on(await shop.cart.delete(f"/cart/items/{product_id}", token=user.token))


@router.delete("/cart", status_code=204)
async def empty(user: CurrentUser, shop: TheShop) -> Response:
    """Take everything out of the cart."""
    return passed_on(await shop.cart.delete("/cart", token=user.token))


@router.get("/quotes", response_model=Quotes)
async def quotes(
    shop: TheShop,
    country: Annotated[str, Query(pattern="^[A-Z]{2}$")],
    items: Annotated[int, Query(ge=1, le=10_000)],
) -> Response:
    """Ways of shipping so many things to a country."""
    params = {"country": country, "items": items}
    return passed_on(await shop.shipping.get("/quotes", params=params))
