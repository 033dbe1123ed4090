"""Placing and cancelling orders, as customers ask for it."""

import asyncio
import hashlib
import json
from typing import Any

from services.checkout.basket import Basket, Baskets
from services.checkout.model import Order, Status, Step
from services.checkout.orders import Orders, Request
from services.checkout.progress import Progress
from services.checkout.saga import Saga, entered, new_driver, reason_of
from services.kit.auth import User
from services.kit.database import utc_now
from services.kit.problems import Problem

POLL_SECONDS = 0.05
BEFORE_PAYMENT = frozenset({Step.RESERVE, Step.CHARGE, Step.COMMIT})
AFTER_PAYMENT = frozenset({None, Step.CLEAR_CART})


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
                or another request was made under the same key; 5xx a service is away (the order
                is then brought to an end later: ask again under the same key).
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
                await self._saga.drive(order, driver)
        if order.fingerprint != request.fingerprint:
            detail = "This Idempotency-Key belongs to another request: use a new one."
            raise Problem(422, "Idempotency-Key reused", detail)
        return await self._answer(order.id)

    async def cancel(self, user: User, order_id: str) -> None:
        """Cancel an order that is not shipped yet; cancelling again changes nothing.

        Raises:
            Problem: 404 no such order; 409 shipped already; 5xx a service is away (the order is
                then cancelled later, if it can be).
        """
        order = await self._orders.get(order_id)
        if order is None or order.account_id != user.id:
            raise no_such(order_id)
        step = None if order.next_step is None else Step(order.next_step)
        if order.status == Status.SHIPPED:
            raise _shipped(order_id)
        if order.status == Status.PENDING and step in BEFORE_PAYMENT:
            await self._turn(order, Step.REFUND)
        elif order.status == Status.PAID and step in AFTER_PAYMENT:
            await self._turn(order, Step.CALL_OFF)
        await self._until_cancelled(order_id)

    async def _turn(self, order: Order, then: Step) -> None:
        driver = new_driver()
        why = reason_of(Problem(409, "Order cancelled", "Cancelled at the customer's wish."))
        turned = await self._progress.interrupt(order, then, why, driver)
        if turned is not None:
            await self._saga.drive(turned, driver)

    async def _until_cancelled(self, order_id: str) -> None:
        """Return when the order is cancelled; that may be another's work."""
        deadline = asyncio.get_running_loop().time() + self._answer_seconds
        while True:
            order = await self._orders.get(order_id)
            if order is None:
                raise no_such(order_id)
            if order.status == Status.CANCELLED:
                return
            if order.next_step is None:
                raise _shipped(order_id)
            await self._go_on_with(order)
            _still_waiting(order_id, deadline)
            await asyncio.sleep(POLL_SECONDS)

    async def _answer(self, order_id: str) -> dict[str, Any]:
        """What the request that placed the order is answered, as soon as that is settled.

        Not before the cart has been emptied: what is put into it next would be lost, or what was
        in it be ordered once more.
        """
        deadline = asyncio.get_running_loop().time() + self._answer_seconds
        while True:
            order = await self._orders.get(order_id)
            cleared = order is not None and order.next_step != Step.CLEAR_CART
            if order is not None and cleared and order.answer is not None:
                return _body_of(order.answer, order_id)
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


def _body_of(answer: dict[str, Any], order_id: str) -> dict[str, Any]:
    if answer["status"] == 201:
        body: dict[str, Any] = answer["body"]
        return body
    raise Problem(answer["status"], answer["title"], answer["detail"], order_id=order_id)


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


def _shipped(order_id: str) -> Problem:
    return Problem(409, "Already shipped", f"Order {order_id} is on its way.")
