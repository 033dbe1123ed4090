"""The checkout service's HTTP API."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel, Field, SecretStr, field_validator

from observability import audit
from services.checkout.checkout import Checkout, fingerprint, no_such
from services.checkout.orders import PAGE_SIZE, Orders
from services.checkout.orders import Request as Placing
from services.checkout.payment import digits, tokenize
from services.checkout.views import OrderOut, OrdersOut, order_out
from services.kit.auditing import Source
from services.kit.auth import CurrentUser
from services.kit.fields import Address, PathId
from services.kit.problems import Problem

router = APIRouter()

Key = Annotated[str, Header(alias="Idempotency-Key", pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
CARD_DIGITS = range(12, 20)


class Parts:
    """What the routes work with, on `app.state.parts`."""

    def __init__(self, orders: Orders, checkout: Checkout) -> None:
        self.orders = orders
        self.checkout = checkout


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Use = Annotated[Parts, Depends(_parts)]


class PaymentIn(BaseModel):
    """How an order is paid. The number is neither stored nor shown anywhere."""

    card_number: SecretStr

    @field_validator("card_number")
    @classmethod
    def _is_a_card(cls, number: SecretStr) -> SecretStr:
        text = number.get_secret_value()
        if len(digits(text)) not in CARD_DIGITS or not set(text) <= set("0123456789 -"):
            raise ValueError("not a card number")
        return number


class NewOrder(BaseModel):
    """An order of what is in the cart."""

    address: Address
    shipping_method: Literal["standard", "express"]
    payment: PaymentIn
    expected_total_cents: int | None = Field(default=None, ge=0, le=10**15)
    """If given, another total at the time of ordering is refused with 409."""


@router.post("/orders", status_code=201, response_model=OrderOut)
async def place(
    new: NewOrder, user: CurrentUser, parts: Use, key: Key, source: Source
) -> dict[str, Any]:
    """Order what is in the cart; repeated under the same key it gives the same answer."""
    card = new.payment.card_number.get_secret_value()
    # Not the total: the same order asked for again may have been shown without it.
    asked = new.model_dump(exclude={"payment", "expected_total_cents"})
    placing = Placing(
        key=key,
        fingerprint=fingerprint({**asked, "card": digits(card)[-4:]}),
        address=new.address.model_dump(),
        shipping_method=new.shipping_method,
        payment_token=tokenize(card),
        source=source,
    )
    try:
        return await parts.checkout.place(user, placing, new.expected_total_cents)
    except Problem as problem:
        if "order_id" not in problem.extra:  # how an order ends is recorded when it does
            outcome = {"outcome": "failure", "reason": problem.title}
            audit("order", actor=user.id, target=f"idempotency key {key}", source=source, **outcome)
        raise


@router.get("/orders")
async def list_orders(
    user: CurrentUser, parts: Use, page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> OrdersOut:
    """A page of the orders, latest first."""
    found, total = await parts.orders.of(user.id, page)
    items = [order_out(order, steps) for order, steps in found]
    return OrdersOut(items=items, total=total, page=page, page_size=PAGE_SIZE)


@router.get("/orders/{order_id}")
async def show(order_id: PathId, user: CurrentUser, parts: Use) -> OrderOut:
    """One order, with every step of its way."""
    found = await parts.orders.with_steps(order_id)
    if found is None or found[0].account_id != user.id:
        raise no_such(order_id)
    return order_out(*found)


@router.post("/orders/{order_id}/cancel")
async def cancel(order_id: PathId, user: CurrentUser, parts: Use, source: Source) -> OrderOut:
    """Cancel an order that is not shipped yet; the money goes back."""
    try:
        await parts.checkout.cancel(user, order_id, source)
    except Problem as problem:
        if problem.status < 500:  # else it is cancelled later, and recorded then
            outcome = {"outcome": "failure", "reason": problem.title}
            target = f"order {order_id}"
            audit("order_cancel", actor=user.id, target=target, source=source, **outcome)
        raise
    return await show(order_id, user, parts)
