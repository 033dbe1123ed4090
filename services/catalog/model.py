"""What the catalog service stores."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit.database import UtcDateTime, utc_now

CURRENCY = "EUR"


class Base(DeclarativeBase):
    """The catalog service's tables."""


class Product(Base):
    """Something to buy. `stock` is what is neither sold nor reserved."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("stock >= 0", name="products_stock_not_negative"),
        CheckConstraint("price_cents >= 0", name="products_price_not_negative"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(String(50), index=True)
    price_cents: Mapped[int] = mapped_column(Integer)
    stock: Mapped[int] = mapped_column(Integer)
    emoji: Mapped[str] = mapped_column(String(16))
    search: Mapped[str] = mapped_column(Text)
    """Name, description and category without case, for searching."""


class Status(StrEnum):
    """Where a reservation stands."""

    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"
    EXPIRED = "expired"


class Reservation(Base):
    """Stock set aside for an order."""

    __tablename__ = "reservations"

    order_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    status: Mapped[str] = mapped_column(String(16), index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class ReservationLine(Base):
    """How many of one product are set aside."""

    __tablename__ = "reservation_lines"

    order_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("reservations.order_id"), primary_key=True
    )
    product_id: Mapped[str] = mapped_column(String(64), ForeignKey("products.id"), primary_key=True)
    quantity: Mapped[int] = mapped_column(Integer)
