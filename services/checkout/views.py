"""An order as others see it: customers in answers, other services in events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from services.checkout.model import Order, SagaStep


class LineOut(BaseModel):
    """One product of an order at the price it was bought for."""

    product_id: str
    name: str
    quantity: int
    price_cents: int


class StepOut(BaseModel):
    """One step of an order's way, or of the way back."""

    step: str
    state: str
    at: datetime


class OrderOut(BaseModel):
    """An order and how far it is."""

    id: str
    status: str
    lines: list[LineOut]
    subtotal_cents: int
    shipping_cents: int
    total_cents: int
    currency: str
    address: dict[str, str]
    shipping_method: str
    created_at: datetime
    saga: list[StepOut]


class OrdersOut(BaseModel):
    """A page of a customer's orders, latest first; `total` counts those of all pages."""

    items: list[OrderOut]
    total: int
    page: int
    page_size: int


def order_out(order: Order, steps: Sequence[SagaStep]) -> OrderOut:
    """An order as its customer sees it."""
    return OrderOut(
        id=order.id,
        status=order.status,
        lines=[LineOut(**line) for line in order.lines],
        subtotal_cents=order.subtotal_cents,
        shipping_cents=order.shipping_cents,
        total_cents=order.total_cents,
        currency=order.currency,
        address=order.address,
        shipping_method=order.shipping_method,
        created_at=order.created_at,
        saga=[StepOut(step=step.step, state=step.state, at=step.at) for step in steps],
    )


def order_body(order: Order, steps: Sequence[SagaStep]) -> dict[str, Any]:
    """The same as a JSON object."""
    return order_out(order, steps).model_dump(mode="json")


def event_of(order: Order) -> dict[str, Any]:
    """What an event says about its order."""
    return {
        "order_id": order.id,
        "status": order.status,
        "customer": {"account_id": order.account_id, **order.customer},
        "lines": order.lines,
        "items": sum(line["quantity"] for line in order.lines),
        "total_cents": order.total_cents,
        "currency": order.currency,
        "address": order.address,
        "shipping_method": order.shipping_method,
        "reason": order.reason["detail"] if order.reason else None,
    }
