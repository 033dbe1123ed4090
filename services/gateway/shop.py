"""The services behind the gateway, and what is asked of them for the pages."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, TypeVar

import httpx
from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from services.gateway.cache import Answer, Params, ResponseCache
from services.gateway.models import (
    Cart,
    CartItem,
    Categories,
    Order,
    Orders,
    PasswordChange,
    Product,
    ProductPage,
    Quotes,
    Shipment,
)
from services.gateway.open_sessions import OpenSessions
from services.gateway.parallel import attempt
from services.gateway.settings import GatewaySettings
from services.kit.cache import Cache, SharedCache
from services.kit.client import ServiceClient
from services.kit.problems import Problem

PAGE_SIZE = 12
QUOTES_SECONDS = 30.0
"""How long what shipping asks for a country is taken for unchanged."""
Model = TypeVar("Model", bound=BaseModel)


class Shop:
    """The services behind the gateway.

    Args:
        settings: Where they are.
        shared: Where replicas of the gateway share cached answers, if anywhere.
    """

    def __init__(self, settings: GatewaySettings, shared: SharedCache | None = None) -> None:
        self.account = ServiceClient.to("account", settings)
        self.catalog = ServiceClient.to("catalog", settings)
        self.cart = ServiceClient.to("cart", settings)
        self.checkout = ServiceClient.to("checkout", settings)
        self.shipping = ServiceClient.to("shipping", settings)
        self.responses = ResponseCache(self.catalog, settings, shared)
        self.sessions = OpenSessions(self.account, shared)
        self._quotes: Cache[Quotes] = Cache("quotes", ttl=QUOTES_SECONDS)

    async def aclose(self) -> None:
        """Close the connections."""
        clients = (self.account, self.catalog, self.cart, self.checkout, self.shipping)
        await asyncio.gather(*(client.aclose() for client in clients))

    async def change_password(self, token: str, change: PasswordChange) -> httpx.Response:
        """Set the user's password, ending all other sessions."""
        path, body = "/accounts/me/password", change.model_dump()
        try:
            # Repeated after it was done it would be refused: the old password is another then.
            return await self.account.put(path, json=body, token=token, idempotent=False)
        finally:
            await self.sessions.forget()

    async def products(self, query: str, category: str, page: int) -> tuple[ProductPage, Answer]:
        """Return a page of products, and the answer it came in."""
        params: dict[str, str | int] = {"page": page, "page_size": PAGE_SIZE}
        if query:
            params["query"] = query
        if category:
            params["category"] = category
        return await self._cached(ProductPage, "/products", params)

    async def product(self, product_id: str) -> tuple[Product, Answer]:
        """Return one product, and the answer it came in."""
        return await self._cached(Product, f"/products/{product_id}")

    async def categories(self) -> list[str]:
        """Return the names of all categories."""
        names, _ = await self._cached(Categories, "/categories")
        return names.root

    async def products_by_id(self, ids: Iterable[str]) -> dict[str, Product]:
        """Return the products with these ids, those that there are, as of now; by one question."""
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        response = await self.catalog.get("/products", params={"id": wanted})
        found = parsed(ProductPage, response.content, "catalog")
        return {product.id: product for product in found.items}

    async def _cached(
        self, model: type[Model], path: str, params: Params | None = None
    ) -> tuple[Model, Answer]:
        answer = await self.responses.get(path, params)
        return parsed(model, answer.body, "catalog"), answer

    async def cart_items(self, token: str) -> list[CartItem]:
        """Return what is in the user's cart."""
        response = await self.cart.get("/cart", token=token)
        return parsed(Cart, response.content, "cart").items

    async def cart_count(self, token: str) -> int:
        """Return how many things are in the user's cart."""
        return sum(item.quantity for item in await self.cart_items(token))

    async def put_in_cart(self, token: str, product_id: str, quantity: int) -> httpx.Response:
        """Set how many of a product are in the user's cart.

        Raises:
            Problem: 404, the catalogue has no such product; while it does not answer, any may be.
        """
        await attempt(self.product(product_id))
        path = f"/cart/items/{product_id}"
        return await self.cart.put(path, json={"quantity": quantity}, token=token)

    async def quotes(self, country: str, items: int) -> Quotes:
        """Return the ways of shipping so many things to a country."""

        async def ask() -> Quotes:
            params = {"country": country, "items": items}
            response = await self.shipping.get("/quotes", params=params)
            return parsed(Quotes, response.content, "shipping")

        return await self._quotes.get(f"{country} {items}", ask)

    async def orders(self, token: str, page: int) -> Orders:
        """Return a page of the user's orders, latest first."""
        response = await self.checkout.get("/orders", params={"page": page}, token=token)
        return parsed(Orders, response.content, "checkout")

    async def order(self, order_id: str, token: str) -> Order:
        """Return one of the user's orders."""
        response = await self.checkout.get(f"/orders/{order_id}", token=token)
        return parsed(Order, response.content, "checkout")

    async def cancel_order(self, order_id: str, token: str) -> httpx.Response:
        """Cancel one of the user's orders that is not shipped yet; may be repeated."""
        return await self.checkout.post(f"/orders/{order_id}/cancel", token=token, idempotent=True)

    async def shipment(self, order_id: str) -> Shipment | None:
        """Return the parcel of an order, or None if there is none yet.

        Whoever it is shown to must have been found to be the one who ordered.
        """
        try:
            response = await self.shipping.get(f"/shipments/{order_id}")
        except Problem as problem:
            if problem.status == 404:
                return None
            raise
        return parsed(Shipment, response.content, "shipping")


def parsed(model: type[Model], body: str | bytes, upstream: str) -> Model:
    """Return an answer as a model.

    Raises:
        Problem: 502, the answer is not what was agreed upon.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        detail = f"{upstream} gave an answer that could not be understood."
        raise Problem(502, "Upstream failed", detail, upstream=upstream) from error


def shop_of(request: Request) -> Shop:
    """Return the services behind the gateway."""
    shop: Shop = request.app.state.shop
    return shop


TheShop = Annotated[Shop, Depends(shop_of)]
"""Parameter type of a route that asks other services."""
