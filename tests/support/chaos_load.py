"""Shoppers at a steady pace, and what each of their requests met."""

import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from threading import Event, Thread
from typing import Any

import httpx

from tests.support.address import ADDRESS
from tests.support.customer import GOOD_CARD
from tests.support.shopper import Shopper

CUT = 0
"""Stands for the status where there was no answer."""


@dataclass(frozen=True)
class Met:
    """One request."""

    action: str
    began: float
    """Seconds, monotonic."""
    took: float
    status: int
    title: str = ""
    """Of the problem document, if it was one."""
    order_id: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the shopper saw an error of the shop's."""
        return self.status == CUT or self.status >= 500


@dataclass(frozen=True)
class Figures:
    """What was met in a stretch of time."""

    name: str
    met: Sequence[Met]

    @property
    def failures(self) -> list[Met]:
        """Errors of the shop's."""
        return [one for one in self.met if one.failed]

    def of(self, action: str) -> "Figures":
        """Those of one kind."""
        return Figures(self.name, [one for one in self.met if one.action == action])

    @property
    def orders(self) -> list[str]:
        """Ids of the orders that were accepted."""
        return [one.order_id for one in self.met if one.order_id]

    def percentile(self, percent: int) -> float:
        """Seconds within which so many of a hundred requests were answered."""
        times = [one.took for one in self.met]
        return quantiles(times, n=100, method="inclusive")[percent - 1] if len(times) > 1 else 0.0

    def __str__(self) -> str:
        lines = []
        for action in sorted({one.action for one in self.met}):
            some = self.of(action)
            statuses = dict(sorted(Counter(one.status for one in some.met).items()))
            lines.append(
                f"{self.name:>7} {action:<8} {statuses} p50 {some.percentile(50) * 1000:.0f} ms, "
                f"p95 {some.percentile(95) * 1000:.0f} ms"
            )
        return "\n".join(lines)


@dataclass
class Load:
    """Shoppers who browse, fill carts and order, each request once, whatever comes of it."""

    gateway: str
    products: Sequence[str]
    size: int = 4
    pause: float = 0.4
    met: list[Met] = field(default_factory=list)
    shoppers: list[Shopper] = field(default_factory=list)
    _stop: Event = field(default_factory=Event)

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Shop while in here."""
        self.shoppers = [Shopper(self.gateway) for _ in range(self.size)]
        threads = [Thread(target=self._shop, args=(one,), daemon=True) for one in self.shoppers]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
            for shopper in self.shoppers:
                shopper.http.close()

    def between(self, name: str, start: float, end: float = float("inf")) -> Figures:
        """What was met by requests that came to their end in that time."""
        return Figures(name, [one for one in self.met if start <= one.began + one.took < end])

    def _shop(self, shopper: Shopper) -> None:
        chance = random.Random(id(shopper))  # noqa: S311 - which product does not matter
        while not self._stop.is_set():
            product = chance.choice(self.products)
            self._ask(shopper, "browse", "GET", "/api/products", params={"page": 1})
            self._ask(shopper, "browse", "GET", f"/api/products/{product}")
            cart = f"/api/cart/items/{product}"
            put = self._ask(shopper, "cart", "PUT", cart, json={"quantity": 1})
            if put.status < 400:
                self._order(shopper)

    def _order(self, shopper: Shopper) -> None:
        self._ask(
            shopper,
            "order",
            "POST",
            "/api/orders",
            json={
                "address": ADDRESS,
                "shipping_method": "standard",
                "payment": {"card_number": GOOD_CARD},
            },
            headers={"Idempotency-Key": uuid.uuid4().hex},
        )

    def _ask(self, shopper: Shopper, action: str, method: str, path: str, **what: Any) -> Met:
        began, status, title, order = time.monotonic(), CUT, "", None
        try:
            response = shopper.http.request(method, path, **what)
        except httpx.TransportError as error:
            title = type(error).__name__
        else:
            status = response.status_code
            if response.headers["content-type"].startswith("application/problem+json"):
                title = response.json()["title"]
            elif action == "order" and status == 201:
                order = str(response.json()["id"])
        met = Met(action, began, time.monotonic() - began, status, title, order)
        self.met.append(met)
        self._stop.wait(self.pause)
        return met
