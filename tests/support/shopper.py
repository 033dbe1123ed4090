"""A customer who buys through the gateway's JSON API."""

import time
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.address import ADDRESS


@dataclass(frozen=True)
class Purchase:
    """An accepted order and the trace in which it was made."""

    order: dict[str, Any]
    trace_id: str


class Shopper:
    """Signs up and in at once; then fills the cart and buys."""

    def __init__(self, gateway: str) -> None:
        self.http = httpx.Client(base_url=gateway, timeout=15)
        email, password = f"{uuid.uuid4().hex[:12]}@example.com", uuid.uuid4().hex
        account = {"email": email, "name": "Ada Bell", "password": password}
        self.http.post("/api/accounts", json=account).raise_for_status()
        session = self.http.post("/api/sessions", json={"email": email, "password": password})
        session.raise_for_status()
        self.http.headers["Authorization"] = f"Bearer {session.json()['token']}"

    def product(self) -> str:
        """Id of a product that is in stock."""
        items = self.http.get("/api/products").raise_for_status().json()["items"]
        return str(next(item["id"] for item in items if item["stock"] > 0))

    def try_to_buy(self, *, card: str = "4242424242424242") -> httpx.Response:
        """Put one product in the cart and place the order; the answer may be a refusal."""
        put = self.http.put(f"/api/cart/items/{self.product()}", json={"quantity": 1})
        put.raise_for_status()
        return self.http.post(
            "/api/orders",
            json={
                "address": ADDRESS,
                "shipping_method": "standard",
                "payment": {"card_number": card},
            },
            headers={"Idempotency-Key": uuid.uuid4().hex},
        )

    def buy(self) -> Purchase:
        """An order that the shop accepts."""
        response = self.try_to_buy().raise_for_status()
        return Purchase(response.json(), response.headers["X-Trace-ID"])

    def wait_until(self, order_id: str, status: str, *, within: float = 30) -> dict[str, Any]:
        """The order once it has that status."""
        deadline = time.monotonic() + within
        while True:
            order: dict[str, Any] = (
                self.http.get(f"/api/orders/{order_id}").raise_for_status().json()
            )
            if order["status"] == status:
                return order
            assert time.monotonic() < deadline, f"still {order['status']}: {order['saga']}"
            time.sleep(0.2)
