"""What is about to be ordered, at today's prices: asked of cart, catalog and shipping."""

import asyncio
from dataclasses import dataclass
from typing import Any

from services.kit.auth import User
from services.kit.cache import Cache
from services.kit.client import ServiceClient
from services.kit.problems import Problem

CURRENCY = "EUR"
QUOTES_SECONDS = 30.0
"""How long what shipping asks for a country is taken for unchanged."""


@dataclass(frozen=True, slots=True)
class Line:
    """So many of one product at its price."""

    product_id: str
    name: str
    quantity: int
    price_cents: int


@dataclass(frozen=True, slots=True)
class Basket:
    """An order before it is placed."""

    lines: tuple[Line, ...]
    shipping_cents: int
    cart_revision: int
    """Of the cart that all this was found in."""

    @property
    def subtotal_cents(self) -> int:
        """The price of all products."""
        return sum(line.quantity * line.price_cents for line in self.lines)

    @property
    def total_cents(self) -> int:
        """What is to be paid."""
        return self.subtotal_cents + self.shipping_cents


class Baskets:
    """Prices what is in a cart.

    Args:
        cart: the cart service.
        catalog: the catalog service.
        shipping: the shipping service.
    """

    def __init__(
        self, cart: ServiceClient, catalog: ServiceClient, shipping: ServiceClient
    ) -> None:
        self._cart = cart
        self._catalog = catalog
        self._shipping = shipping
        self._quotes: Cache[list[dict[str, Any]]] = Cache("quotes", ttl=QUOTES_SECONDS)

    async def of(self, user: User, country: str, method: str) -> Basket:
        """The user's cart as it would be ordered now.

        Raises:
            Problem: 409 empty cart, product gone or out of stock; 422 the country is not served
                or not by that method; 502 to 504 a service is away.
        """
        cart = (await self._cart.get("/cart", token=user.token)).json()
        items = cart["items"]
        if not items:
            raise Problem(409, "Cart empty", "There is nothing in the cart to be ordered.")
        count = sum(item["quantity"] for item in items)
        found, price = await asyncio.gather(
            self._products(items), self._shipping_price(country, count, method)
        )
        lines = tuple(_line(item, found.get(item["product_id"])) for item in items)
        return Basket(lines, price, cart["revision"])

    async def _products(self, items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """All products in one call."""
        ids = [item["product_id"] for item in items]
        page = (await self._catalog.get("/products", params={"id": ids})).json()
        return {product["id"]: product for product in page["items"]}

    async def _shipping_price(self, country: str, items: int, method: str) -> int:
        async def ask() -> list[dict[str, Any]]:
            params = {"country": country, "items": items}
            quotes: list[dict[str, Any]] = (
                await self._shipping.get("/quotes", params=params)
            ).json()["quotes"]
            return quotes

        for quote in await self._quotes.get(f"{country} {items}", ask):
            if quote["method"] == method:
                return int(quote["price_cents"])
        raise Problem(422, "Method not served", f"We do not ship {method} to {country}.")


def _line(item: dict[str, Any], product: dict[str, Any] | None) -> Line:
    product_id, quantity = item["product_id"], item["quantity"]
    if product is None:
        raise Problem(409, "Product gone", f"Product {product_id} is no longer sold.")
    if product["stock"] < quantity:
        raise Problem(
            409,
            "Out of stock",
            f"{product['name']}: {quantity} wanted, {product['stock']} in stock.",
            product_id=product_id,
            available=product["stock"],
        )
    return Line(product_id, product["name"], quantity, product["price_cents"])
