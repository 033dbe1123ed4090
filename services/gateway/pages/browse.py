"""Looking around: the list of products with search, categories and pages, and one product."""

import asyncio
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from services.gateway.pages.common import cart_count, last_page, missing, page_router
from services.gateway.pages.rendering import page
from services.gateway.pages.wording import words
from services.gateway.parallel import attempt
from services.gateway.sessions import CurrentVisitor
from services.gateway.shop import TheShop
from services.kit.fields import PathId

OLD_PRICES = "The product catalogue does not answer right now: prices and stock may be out of date."


router = page_router()


@router.get("/")
async def browse(  # noqa: PLR0913 - the parts of the address, and what is asked for
    *,
    request: Request,
    visitor: CurrentVisitor,
    shop: TheShop,
    query: Annotated[str, Query(max_length=100)] = "",
    category: Annotated[str, Query(max_length=50)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1,
) -> Response:
    """List products."""
    products, categories, count = await asyncio.gather(
        attempt(shop.products(query, category, number)),
        attempt(shop.categories()),
        cart_count(shop, visitor),
    )
    found, answer = products.value or (None, None)
    unavailable = missing(catalog=products, cart=count)
    if answer and answer.failed:
        unavailable.append(OLD_PRICES)
    return page(
        request,
        "browse.html",
        visitor=visitor,
        status=200 if found else 503,
        cart_count=count.value,
        unavailable=unavailable,
        query=query,
        category=category,
        categories=categories.value or [],
        products=found,
        last_page=last_page(found) if found else 0,
        heading=_heading(query, category),
        link=Links(query, category),
    )


def _heading(query: str, category: str) -> str:
    if query:
        return f"Search: {query}"
    return words(category) if category else "All products"


class Links:
    """Makes addresses of the list: as it is now, but for what is named."""

    def __init__(self, query: str, category: str) -> None:
        self._now: dict[str, str | int] = {"query": query, "category": category}

    def __call__(self, **changes: str | int) -> str:
        """Return the address with these parts changed."""
        parts = {k: v for k, v in {**self._now, **changes}.items() if v not in {"", 1}}
        return f"/?{urlencode(parts)}" if parts else "/"


@router.get("/products/{product_id}")
async def product(
    request: Request, visitor: CurrentVisitor, shop: TheShop, product_id: PathId
) -> Response:
    """Show one product."""
    (found, answer), count = await asyncio.gather(
        shop.product(product_id), cart_count(shop, visitor)
    )
    unavailable = missing(cart=count)
    if answer.failed:
        unavailable.append(OLD_PRICES)
    return page(
        request,
        "product.html",
        visitor=visitor,
        cart_count=count.value,
        unavailable=unavailable,
        product=found,
    )
