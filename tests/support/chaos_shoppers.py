"""Shoppers who want their orders placed, whatever happens to the shop meanwhile."""

import random
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import httpx

from tests.support.address import ADDRESS
from tests.support.customer import DECLINED_CARD, GOOD_CARD
from tests.support.shopper import Shopper

PATIENCE_SECONDS = 240.0
PAUSE_SECONDS = 0.2
HOME, ON_PAPER_ONLY, NOWHERE = "NL", "AQ", "XA"
"""Served; quoted but refused by the carrier after payment; not even quoted."""


@dataclass(frozen=True)
class Wish:
    """What a shopper wants to order."""

    product: str
    quantity: int
    country: str
    card: str

    @property
    def answer(self) -> int:
        """The status that the order should be answered with."""
        if self.country == NOWHERE:
            return 422
        return 402 if self.card == DECLINED_CARD else 201

    @property
    def end(self) -> str:
        """`shipped`, `refunded`, `declined`, or `refused`, when there is no order at all."""
        if self.answer != 201:
            return "declined" if self.answer == 402 else "refused"
        return "shipped" if self.country == HOME else "refunded"


@dataclass(frozen=True)
class Placed:
    """A wish and what was answered in the end."""

    wish: Wish
    shopper: Shopper
    response: httpx.Response

    @property
    def order_id(self) -> str | None:
        """The order's id, also of a declined one; None where there is no order."""
        body: dict[str, Any] = self.response.json()
        found = body.get("id") or body.get("order_id")
        return None if found is None else str(found)


@dataclass
class Crowd:
    """So many shoppers at a time; counts what they have got done and what they met."""

    gateway: str
    size: int
    placed: list[Placed] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    """Statuses of all answers, also of those that were asked for again; `cut` is none at all."""
    slowest: float = 0.0
    """Seconds from the first try to the answer that counted."""
    _lock: Lock = field(default_factory=Lock)

    def shop(self, wishes: Sequence[Wish]) -> None:
        """Place all wishes, each shopper one after the other."""
        shoppers = [Shopper(self.gateway) for _ in range(self.size)]
        with ThreadPoolExecutor(self.size) as pool:
            shares = [
                pool.submit(self._shop, shopper, wishes[number :: self.size])
                for number, shopper in enumerate(shoppers)
            ]
            for share in shares:
                share.result()

    def close(self) -> None:
        """Close the shoppers' connections."""
        for shopper in {id(one.shopper): one.shopper for one in self.placed}.values():
            shopper.http.close()

    def _shop(self, shopper: Shopper, wishes: Sequence[Wish]) -> None:
        for wish in wishes:
            item = f"/api/cart/items/{wish.product}"
            self._insist(shopper, "PUT", item, json={"quantity": wish.quantity})
            began = time.monotonic()
            response = self._insist(
                shopper,
                "POST",
                "/api/orders",
                json={
                    "address": ADDRESS | {"country": wish.country},
                    "shipping_method": "standard",
                    "payment": {"card_number": wish.card},
                },
                headers={"Idempotency-Key": uuid.uuid4().hex},
            )
            with self._lock:
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.placed.append(Placed(wish, shopper, response))
            if response.status_code != 201:  # a cart that was not ordered stays full
                self._insist(shopper, "DELETE", item)

    def _insist(self, shopper: Shopper, method: str, path: str, **what: Any) -> httpx.Response:
        """Ask, the very same again and again, until there is an answer that says yes or no."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            response: httpx.Response | None = None
            with suppress(httpx.TransportError):
                response = shopper.http.request(method, path, **what)
            met = "cut" if response is None else str(response.status_code)
            with self._lock:
                self.answers[met] += 1
            if response is not None and response.status_code < 500:
                return response
            assert time.monotonic() < deadline, f"{method} {path}: no answer, the last was {met}"
            time.sleep(PAUSE_SECONDS)


def wishes(products: Sequence[str], count: int, chance: random.Random) -> list[Wish]:
    """So many wishes: of ten, one card that is declined and one country that cannot be reached."""
    special = [(HOME, DECLINED_CARD), (ON_PAPER_ONLY, GOOD_CARD)] * (count // 10)
    special += [(NOWHERE, GOOD_CARD)] * (count // 40)
    ways = special + [(HOME, GOOD_CARD)] * (count - len(special))
    chance.shuffle(ways)
    return [
        Wish(chance.choice(products), chance.randint(1, 3), country, card) for country, card in ways
    ]
