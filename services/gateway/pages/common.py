"""What the pages' routes share: the shop, and what the top of every page shows."""

from fastapi import APIRouter

from services.gateway.models import Orders, ProductPage
from services.gateway.pages.failures import PageRoute
from services.gateway.parallel import Maybe, attempt
from services.gateway.sessions import Visitor
from services.gateway.shop import Shop

MISSING = {
    "cart": "Your cart does not answer right now.",
    "catalog": "The product catalogue does not answer right now.",
    "shipping": "Shipping does not answer right now.",
}


def page_router() -> APIRouter:
    """Return a router for pages."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


async def cart_count(shop: Shop, visitor: Visitor) -> Maybe[int]:
    """Return how many things are in the visitor's cart; nothing for nobody."""
    if visitor.user is None:
        return Maybe(None)
    return await attempt(shop.cart_count(visitor.user.token))


def last_page(listing: Orders | ProductPage) -> int:
    """Return the number of the last page of a list."""
    return -(-listing.total // listing.page_size)


def missing(**parts: Maybe[object]) -> list[str]:
    """Return a sentence for each service, by name, that had nothing to say."""
    return [MISSING[name] for name, part in parts.items() if part.problem]
