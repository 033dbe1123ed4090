"""What the shipping service stores."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit.database import UtcDateTime, utc_now
from services.kit.outbox import OutboxMixin


class Base(DeclarativeBase):
    """The shipping service's tables."""


class Status(StrEnum):
    """Where a parcel is."""

    LABEL_CREATED = "label_created"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    FAILED = "failed"
    """The carrier refused it."""
    CANCELLED = "cancelled"
    """Called off before there was one; keeps a belated request from making it."""


class Shipment(Base):
    """The parcel of one order."""

    __tablename__ = "shipments"
    __table_args__ = (Index("shipments_due", "next_at"),)

    order_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    tracking_number: Mapped[str] = mapped_column(String(20))
    """Empty if the carrier never took it."""
    method: Mapped[str] = mapped_column(String(16))
    address: Mapped[dict[str, Any]] = mapped_column(JSON)
    items: Mapped[int] = mapped_column(Integer)
    contact_email: Mapped[str | None] = mapped_column(String(320))
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it moves on; null when it does not."""
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    """Trace context of the request that made it: its later events belong to the same trace."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class ShipmentEvent(Base):
    """A parcel came into a state."""

    __tablename__ = "shipment_events"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    order_id: Mapped[str] = mapped_column(String(64), ForeignKey("shipments.order_id"), index=True)
    status: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Outbox(OutboxMixin, Base):
    """Events to be published."""
