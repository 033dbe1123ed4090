"""The cart of the signed-in user, and what shipping would cost."""

from typing import Annotated

from fastapi import Query, Response

from services.gateway.api.common import ApiUser, api_router, passed_on
from services.gateway.models import Cart, Quantity, Quotes
from services.gateway.shop import TheShop
from services.kit.fields import PathId

router = api_router("cart")


@router.get("/cart", response_model=Cart)
async def cart(user: ApiUser, shop: TheShop) -> Response:
    """What is in the cart."""
    return passed_on(await shop.cart.get("/cart", token=user.token))


@router.put("/cart/items/{product_id}", response_model=Cart)
async def put(product_id: PathId, wanted: Quantity, user: ApiUser, shop: TheShop) -> Response:
    """Set how many of a product are in the cart."""
    return passed_on(await shop.put_in_cart(user.token, product_id, wanted.quantity))


@router.delete("/cart/items/{product_id}", response_model=Cart)
async def remove(product_id: PathId, user: ApiUser, shop: TheShop) -> Response:
    """Take a product out of the cart."""
    return passed_on(await shop.cart.delete(f"/cart/items/{product_id}", token=user.token))


@router.delete("/cart", status_code=204)
async def empty(user: ApiUser, shop: TheShop) -> Response:
    """Take everything out of the cart."""
    return passed_on(await shop.cart.delete("/cart", token=user.token))


@router.get("/quotes")
async def quotes(
    shop: TheShop,
    country: Annotated[str, Query(pattern="^[A-Z]{2}$")],
    items: Annotated[int, Query(ge=1, le=10_000)],
) -> Quotes:
    """Ways of shipping so many things to a country."""
    return await shop.quotes(country, items)
