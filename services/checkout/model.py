"""What the checkout service stores."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit.database import UtcDateTime, utc_now
from services.kit.outbox import InboxMixin, OutboxMixin


class Base(DeclarativeBase):
    """The checkout service's tables."""


class Status(StrEnum):
    """What the customer is told."""

    PENDING = "pending"
    PAID = "paid"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """What is to be done next for an order; see `saga`."""

    RESERVE = "reserve_stock"
    CHARGE = "charge"
    COMMIT = "commit_stock"
    CLEAR_CART = "clear_cart"
    PARCEL = "request_parcel"
    CALL_OFF = "call_off_shipment"
    REFUND = "refund"
    RELEASE = "release_stock"
    CANCEL = "cancel"


class Order(Base):
    """An order, and how far it is."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("account_id", "idempotency_key", name="orders_idempotency_key"),
        Index("orders_of_account", "account_id", "created_at"),
        Index("orders_unfinished", "next_step", "driven_until"),
        Index("orders_of_status", "status", "paid_at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(64))
    customer: Mapped[dict[str, str]] = mapped_column(JSON)
    """E-mail address and name, for the mails about the order."""
    idempotency_key: Mapped[str] = mapped_column(String(128))
    fingerprint: Mapped[str] = mapped_column(String(64))
    """Of the request, to tell a repeated one from another under the same key."""
    status: Mapped[str] = mapped_column(String(16))
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    cart_revision: Mapped[int] = mapped_column(Integer)
    """Of the cart as it was ordered: what was put into it later stays in it."""
    subtotal_cents: Mapped[int] = mapped_column(BigInteger)
    shipping_cents: Mapped[int] = mapped_column(BigInteger)
    total_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    address: Mapped[dict[str, str]] = mapped_column(JSON)
    shipping_method: Mapped[str] = mapped_column(String(16))
    payment_token: Mapped[str] = mapped_column(String(64))
    """Stands for the card, whose number is not kept."""
    next_step: Mapped[str | None] = mapped_column(String(32))
    """Null while nothing is to be done by us."""
    driven_by: Mapped[str | None] = mapped_column(String(32))
    driven_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Until when whoever works on it may be trusted to be alive; else it is free for anyone."""
    reason: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Why it is being or was cancelled: status, title and detail of a problem document."""
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What the request that placed it is answered, however often it is repeated."""
    source: Mapped[str] = mapped_column(Text)
    """Address from which it was placed."""
    cancelled_from: Mapped[str | None] = mapped_column(Text)
    """Address from which its customer asked to cancel it; null if nobody did."""
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    """Trace context of that request: whatever happens later belongs to the same trace."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SagaStep(Base):
    """A step of an order's way, or of the way back, and how it went."""

    __tablename__ = "saga_steps"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    order_id: Mapped[str] = mapped_column(String(64), ForeignKey("orders.id"), index=True)
    step: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Payment(Base):
    """What the payment provider knows about an order."""

    __tablename__ = "payments"

    order_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    refunded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Outbox(OutboxMixin, Base):
    """Events to be published."""


class Inbox(InboxMixin, Base):
    """Messages that have had their effect."""
