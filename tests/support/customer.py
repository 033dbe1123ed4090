"""A customer who talks to the services directly, without the gateway."""

import time
import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import httpx

from services.kit.auth import TokenKey, User
from tests.support.address import ADDRESS
from tests.support.shop import RunningShop

TOKEN_KEY = "a key for tests that is long enough to be taken"
GOOD_CARD = "4242 4242 4242 4242"
DECLINED_CARD = "4000 0000 0000 0002"


def token_for(user: User) -> str:
    """A token such as the account service signs."""
    return TokenKey(TOKEN_KEY).issue(user, timedelta(hours=1))[0]


class Customer:
    """Signed in, with a cart of one's own."""

    def __init__(self, shop: RunningShop) -> None:
        self.shop = shop
        self.id = uuid.uuid4().hex
        user = User(self.id, f"{self.id[:8]}@example.com", "Ada Bell")
        self.http = httpx.Client(
            headers={"Authorization": f"Bearer {token_for(user)}"}, timeout=15, trust_env=False
        )

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def put(self, product_id: str, quantity: int = 1) -> None:
        """Put so many of a product in the cart."""
        url = f"{self.shop.url('cart')}/cart/items/{product_id}"
        self.http.put(url, json={"quantity": quantity}).raise_for_status()

    def cart(self) -> list[dict[str, Any]]:
        """What is in the cart."""
        items: list[dict[str, Any]] = self.http.get(f"{self.shop.url('cart')}/cart").json()["items"]
        return items

    def order(
        self, *, card: str = GOOD_CARD, country: str = "NL", key: str = "", **more: Any
    ) -> httpx.Response:
        """Order what is in the cart."""
        return self.http.post(
            f"{self.shop.url('checkout')}/orders",
            json={
                "address": {**ADDRESS, "country": country},
                "shipping_method": "standard",
                "payment": {"card_number": card},
                **more,
            },
            headers={"Idempotency-Key": key or uuid.uuid4().hex},
        )

    def orders(self) -> list[dict[str, Any]]:
        """All orders, latest first."""
        response = self.http.get(f"{self.shop.url('checkout')}/orders").raise_for_status()
        items: list[dict[str, Any]] = response.json()["items"]
        return items

    def show(self, order_id: str) -> dict[str, Any]:
        """One order."""
        response = self.http.get(f"{self.shop.url('checkout')}/orders/{order_id}")
        shown: dict[str, Any] = response.raise_for_status().json()
        return shown

    def cancel(self, order_id: str) -> httpx.Response:
        """Ask for an order to be cancelled."""
        return self.http.post(f"{self.shop.url('checkout')}/orders/{order_id}/cancel")

    def until(
        self, order_id: str, wanted: Collection[str], *, within: float = 30.0
    ) -> dict[str, Any]:
        """The order once its status is one of those wanted."""
        deadline = time.monotonic() + within
        while True:
            order = self.show(order_id)
            if order["status"] in wanted:
                return order
            assert time.monotonic() < deadline, f"still {order['status']}: {order['saga']}"
            time.sleep(0.1)


def steps(order: dict[str, Any]) -> list[tuple[str, str]]:
    """What an order has been through: step and state."""
    return [(step["step"], step["state"]) for step in order["saga"]]


def stock(shop: RunningShop, product_id: str) -> int:
    """How many of a product can be bought now."""
    params = {"id": product_id}
    page = httpx.get(f"{shop.url('catalog')}/products", params=params).raise_for_status().json()
    return int(page["items"][0]["stock"])


def products(shop: RunningShop, count: int) -> list[str]:
    """The ids of so many products with plenty in stock."""
    params = {"page_size": 100}
    page = httpx.get(f"{shop.url('catalog')}/products", params=params).raise_for_status().json()
    return [item["id"] for item in page["items"] if item["stock"] >= 10][:count]


def set_stock(shop: RunningShop, product_id: str, count: int) -> None:
    """Have so many of a product in stock."""
    admin = token_for(User("admin", "admin@example.com", "Admin", "admin"))
    httpx.patch(
        f"{shop.url('catalog')}/products/{product_id}",
        json={"stock": count},
        headers={"Authorization": f"Bearer {admin}"},
    ).raise_for_status()
