"""Placing and cancelling orders, as customers ask for it."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from services.checkout.basket import Basket, Baskets
from services.checkout.model import Order, Status, Step
from services.checkout.orders import Orders, Request
from services.checkout.progress import Progress
from services.checkout.saga import Saga, new_driver, reason_of
from services.checkout.statuses import entered
from services.kit.auth import User
from services.kit.database import utc_now
from services.kit.problems import Problem

POLL_SECONDS = 0.05
BEFORE_PAYMENT = frozenset({Step.RESERVE, Step.CHARGE, Step.COMMIT})
AFTER_PAYMENT = frozenset({None, Step.CLEAR_CART, Step.PARCEL})


class Checkout:
    """What the routes offer.

    Args:
        orders: all orders.
        progress: those that something is to be done for.
        baskets: prices carts.
        saga: drives orders.
        answer_seconds: how long a repeated request waits for the one still at work.
    """

    def __init__(
        self,
        orders: Orders,
        progress: Progress,
        baskets: Baskets,
        saga: Saga,
        answer_seconds: float,
    ) -> None:
        self._orders = orders
        self._progress = progress
        self._baskets = baskets
        self._saga = saga
        self._answer_seconds = answer_seconds

    async def place(
        self, user: User, request: Request, expected_total_cents: int | None
    ) -> dict[str, Any]:
        """Order what is in the user's cart; a repeated request gets the same answer.

        Args:
            user: whose cart and order.
            request: what is asked for.
            expected_total_cents: what the customer was shown, if they want to be held to it.

        Returns:
            The order, paid.

        Raises:
            Problem: 402 declined; 409 something about the cart, prices or stock; 422 not served,
                or another request was made under the same key; 5xx a service is away: ask again
                under the same key. With an `order_id` there is an order, which is brought to an
                end in any case.
        """
        order = await self._orders.by_key(user.id, request.key)
        if order is None:
            address, method = request.address, request.shipping_method
            basket = await self._baskets.of(user, address["country"], method)
            _check_total(basket, expected_total_cents)
            driver = new_driver()
            order, new = await self._orders.place(user, request, basket, driver)
            if new:
                entered(order)
                with _about(order.id):
                    await self._saga.drive(order, driver)
        with _about(order.id):
            if order.fingerprint != request.fingerprint:
                detail = "This Idempotency-Key belongs to another request: use a new one."
                raise Problem(422, "Idempotency-Key reused", detail)
            return await self._answer(order.id)

    async def cancel(self, user: User, order_id: str, source: str) -> None:
        """Cancel an order that is not shipped yet; cancelling again changes nothing.

        Args:
            user: whose order.
            order_id: the order's id.
            source: address from which this is asked for.

        Raises:
            Problem: 404 no such order; 409 shipped already; 5xx a service is away (the order is
                then cancelled later, if it can be).
        """
        deadline = self._deadline()
        while (order := await self._own(user, order_id)).status != Status.CANCELLED:
            if order.status == Status.SHIPPED:
                raise Problem(409, "Already shipped", f"Order {order_id} is on its way.")
            _still_waiting(order_id, deadline)
            then = _way_back_of(order)
            if then is not None:  # else it is being cancelled, that may be another's work
                await self._turn(order, then, source)
            else:
                await self._go_on_with(order)
                await asyncio.sleep(POLL_SECONDS)

    async def _own(self, user: User, order_id: str) -> Order:
        order = await self._orders.get(order_id)
        if order is None or order.account_id != user.id:
            raise no_such(order_id)
        return order

    async def _turn(self, order: Order, then: Step, source: str) -> None:
        """Send the order that way, unless it has moved on since it was looked at."""
        driver = new_driver()
        why = reason_of(Problem(409, "Order cancelled", "Cancelled at the customer's wish."))
        values = {"reason": why, "cancelled_from": source}
        turned = await self._progress.interrupt(order, then, driver, values)
        if turned is not None:
            await self._saga.drive(turned, driver)

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._answer_seconds

    async def _answer(self, order_id: str) -> dict[str, Any]:
        """What the request that placed the order is answered, as soon as that is settled.

        Not before the cart has been emptied: what was in it could be ordered once more.
        """
        deadline = self._deadline()
        while True:
            order = await self._orders.get(order_id)
            cleared = order is not None and order.next_step != Step.CLEAR_CART
            if order is not None and cleared and order.answer is not None:
                return _body_of(order.answer)
            if order is not None:
                await self._go_on_with(order)
            _still_waiting(order_id, deadline)
            await asyncio.sleep(POLL_SECONDS)

    async def _go_on_with(self, order: Order) -> None:
        """Take it over if it was left; asking the database each time whether would be a write."""
        if order.driven_until is None or order.driven_until < utc_now():
            await self._saga.resume(order.id)


def fingerprint(body: dict[str, Any]) -> str:
    """What tells one request from another under the same key.

    Args:
        body: the request, of the card number no more than its last four digits.
    """
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def no_such(order_id: str) -> Problem:
    """The problem of an order that does not exist or is another's."""
    return Problem(404, "No such order", f"You have no order {order_id}.")


@contextmanager
def _about(order_id: str) -> Iterator[None]:
    """Have a problem say which order it is about: who asked can look at it."""
    try:
        yield
    except Problem as problem:
        problem.extra["order_id"] = order_id
        raise


def _way_back_of(order: Order) -> Step | None:
    """Where to turn an order that is to be cancelled; None if it cannot be turned any more."""
    if order.status == Status.PENDING and order.next_step in BEFORE_PAYMENT:
        return Step.REFUND
    if order.status == Status.PAID and order.next_step in AFTER_PAYMENT:
        return Step.CALL_OFF
    return None


def _body_of(answer: dict[str, Any]) -> dict[str, Any]:
    if answer["status"] == 201:
        body: dict[str, Any] = answer["body"]
        return body
    raise Problem(answer["status"], answer["title"], answer["detail"])


def _check_total(basket: Basket, expected: int | None) -> None:
    if expected is not None and expected != basket.total_cents:
        raise Problem(
            409,
            "Price changed",
            f"The total is now {basket.total_cents} cents, not {expected}.",
            total_cents=basket.total_cents,
        )


def _still_waiting(order_id: str, deadline: float) -> None:
    """Raise when the time is up.

    503, so that the caller asks again under the same key.
    """
    if asyncio.get_running_loop().time() >= deadline:
        raise Problem(
            503,
            "Order in progress",
            f"Order {order_id} is still being worked on: ask again.",
            headers={"Retry-After": "1"},
            order_id=order_id,
        )
