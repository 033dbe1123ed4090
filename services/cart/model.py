"""What the cart service stores."""

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit.database import UtcDateTime


class Base(DeclarativeBase):
    """The cart service's tables."""


class Cart(Base):
    """The cart of one account."""

    __tablename__ = "carts"

    account_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revision: Mapped[int] = mapped_column(Integer)
    """Goes up with each change."""


class CartItem(Base):
    """One product in a cart."""

    __tablename__ = "cart_items"

    account_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("carts.account_id"), primary_key=True
    )
    product_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    quantity: Mapped[int] = mapped_column(Integer)
    revision: Mapped[int] = mapped_column(Integer)
    """Of the cart when it was put there or its quantity set."""
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
