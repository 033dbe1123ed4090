"""The people of a load run: some look around, some buy.

Only imported in the process that Locust has to itself: it replaces parts of the standard library,
so that `time.sleep` lets the other users go on.
"""

import random
import re
import secrets
import time
from collections import Counter
from collections.abc import Collection
from typing import Any, ClassVar

from locust import FastHttpUser, task
from locust.exception import StopUser
from locust.runners import STATE_RUNNING, STATE_SPAWNING

from services.load.pace import Pacer

SEARCHES = ("tea", "lamp", "steel", "wool", "pen", "oak", "honey", "warm")
SHIPPED_WITHIN_SECONDS = 30.0
THINK_SECONDS = (0.4, 1.6)
_PRODUCT_LINK = re.compile(r'href="/products/([\w-]+)"')


class Answer:
    """What a request brought back: status 0 is no answer at all."""

    def __init__(self, status: int, text: str, body: Any) -> None:
        self.status = status
        self.text = text
        self.body = body


class ShopUser(FastHttpUser):
    """One user with a session of its own; every request is a trace of its own."""

    abstract = True
    network_timeout = 30.0
    connection_timeout = 5.0
    pacer: ClassVar[Pacer]
    orders: ClassVar[Counter[str]] = Counter()

    def think(self) -> None:
        """Wait as long as a person looks at a page."""
        time.sleep(random.uniform(*THINK_SECONDS))  # noqa: S311 - needs no secrecy

    def ask(
        self,
        method: str,
        route: str,
        *,
        fill: dict[str, str] | None = None,
        accept: Collection[int] = (200, 201, 204),
        **request: Any,
    ) -> Answer:
        """Send one request and count it as failed unless its status is accepted.

        Args:
            method: HTTP method.
            route: Path template, the name under which the request is counted.
            fill: Values for the template's variables.
            accept: Status codes that are right answers.
            **request: Headers, parameters and body as Locust takes them.

        Raises:
            StopUser: If the run is at its end.
        """
        self.pacer.wait_turn()
        runner = self.environment.runner
        if runner is None or runner.state not in {STATE_RUNNING, STATE_SPAWNING}:
            raise StopUser
        path = route.format_map(fill or {})
        headers = {"User-Agent": "belfry-load", **request.pop("headers", {})}
        with self.client.request(
            method, path, name=route, headers=headers, catch_response=True, **request
        ) as response:
            text = response.text or ""
            if response.status_code in accept:
                response.success()
            else:
                response.failure(_what_went_wrong(response.status_code, text, response.error))
            is_json = "json" in (response.headers or {}).get("content-type", "")
            body = response.json() if is_json and text else None
            return Answer(response.status_code, text, body)


def _what_went_wrong(status: int, text: str, error: object) -> str:
    """Return one line for a failed request, the same for the same cause."""
    if not status:
        return f"no answer: {error}"
    title = re.search(r'"title":\s*"([^"]*)"', text) or re.search(r"<h1>([^<]*)", text)
    return f"{status} {title.group(1).strip()}" if title else str(status)


class Browser(ShopUser):
    """Looks around in the pages: the front page, a search, a category, products."""

    weight = 3

    @task(3)
    def look_around(self) -> None:
        """Open the front page or a later page of it, then a product or two."""
        self.think()
        page = random.choice((1, 1, 2))  # noqa: S311 - which page is opened needs no secrecy
        self._open_some(self.ask("GET", "/", params={"page": page}))

    @task(2)
    def search(self) -> None:
        """Search for something, then open a hit."""
        self.think()
        word = random.choice(SEARCHES)  # noqa: S311 - which word is searched needs no secrecy
        self._open_some(self.ask("GET", "/", params={"query": word}))

    def _open_some(self, listing: Answer) -> None:
        links = sorted(set(_PRODUCT_LINK.findall(listing.text)))
        for product_id in random.sample(links, k=min(2, len(links))):
            self.think()
            self.ask("GET", "/products/{id}", fill={"id": product_id})


class Buyer(ShopUser):
    """Signs up, then buys over and over through the JSON API."""

    weight = 2

    def on_start(self) -> None:
        """Choose who to be."""
        name = secrets.token_hex(6)
        self._account = {"email": f"load-{name}@example.com", "password": secrets.token_hex(12)}
        self._has_account = self._is_in = self._token_was_good = False

    def _enter(self) -> None:
        """Make an account unless there is one, and sign in; a shop that refuses is asked again."""
        self.think()
        if not self._has_account:
            form = {"name": "Load Tester", **self._account}
            # A conflict: made already, only the answer was lost.
            made = self.ask("POST", "/api/accounts", json=form, accept=(201, 409))
            self._has_account = made.status in {201, 409}
        if self._has_account:
            self._sign_in()

    def _sign_in(self) -> None:
        answer = self.ask("POST", "/api/sessions", json=self._account)
        self._is_in = answer.status == 201
        self._token_was_good = False
        if self._is_in:
            self._auth = {"Authorization": f"Bearer {answer.body['token']}"}

    def _ask_signed_in(self, method: str, route: str, **request: Any) -> Answer:
        """Ask with the token; one that was good and is no longer has expired, and is renewed."""
        accept = {200, 201, 204} | ({401} if self._token_was_good else set())
        answer = self.ask(method, route, headers=self._auth, accept=accept, **request)
        if answer.status != 401:
            self._token_was_good = True
        elif self._token_was_good:
            self._sign_in()
        return answer

    @task
    def buy(self) -> None:
        """Search, put a product or two into the cart, order, follow the order until shipped."""
        if not self._is_in:
            self._enter()
        if not self._is_in:
            return
        for product in self._chosen_products():
            self.think()
            self._look_and_add(product["id"])
        self.think()
        cart = self._ask_signed_in("GET", "/api/cart")
        if cart.status == 200 and cart.body["items"]:
            self._check_out(sum(item["quantity"] for item in cart.body["items"]))

    def _chosen_products(self) -> list[dict[str, Any]]:
        page = random.choice((1, 2, 3))  # noqa: S311 - what is bought needs no secrecy
        found = self.ask("GET", "/api/products", params={"page": page})
        items = found.body["items"] if found.status == 200 else []
        in_stock = [item for item in items if item["stock"] > 0]
        wanted = random.choice((1, 1, 2))  # noqa: S311 - how much is bought needs no secrecy
        return random.sample(in_stock, k=min(wanted, len(in_stock)))

    def _look_and_add(self, product_id: str) -> None:
        fill = {"id": product_id}
        self.ask("GET", "/api/products/{id}", fill=fill)
        self._ask_signed_in("PUT", "/api/cart/items/{id}", fill=fill, json={"quantity": 1})

    def _check_out(self, items: int) -> None:
        self.ask("GET", "/api/quotes", params={"country": "NL", "items": items})
        self.think()
        headers = {**self._auth, "Idempotency-Key": secrets.token_hex(16)}
        # A declined card and a product sold out meanwhile are right answers of a shop.
        answer = self.ask(
            "POST", "/api/orders", json=_ORDER, headers=headers, accept=(201, 402, 409)
        )
        if answer.status == 201:
            self.orders["placed"] += 1
            self._follow(answer.body["id"])
        elif answer.status in {402, 409}:
            self.orders["declined" if answer.status == 402 else "refused"] += 1
            self.ask("DELETE", "/api/cart", headers=self._auth)

    def _follow(self, order_id: str) -> None:
        give_up = time.monotonic() + SHIPPED_WITHIN_SECONDS
        while time.monotonic() < give_up:
            time.sleep(1.0)
            answer = self.ask("GET", "/api/orders/{id}", fill={"id": order_id}, headers=self._auth)
            status = answer.body["status"] if answer.status == 200 else "unknown"
            if status in {"shipped", "cancelled"}:
                self.orders[status] += 1
                return
        self.orders[f"not shipped in {SHIPPED_WITHIN_SECONDS:.0f} s"] += 1


_ORDER = {
    "address": {
        "name": "Load Tester",
        "street": "Klokstraat 12",
        "city": "Utrecht",
        "postal_code": "3511 AB",
        "country": "NL",
    },
    "shipping_method": "standard",
    "payment": {"card_number": "4242424242424242"},
}
