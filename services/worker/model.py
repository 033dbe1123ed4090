"""What the worker stores."""

from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit.database import UtcDateTime, utc_now
from services.kit.outbox import InboxMixin


class Base(DeclarativeBase):
    """The worker's tables."""


class Mail(Base):
    """A mail to a customer."""

    __tablename__ = "mails"

    message_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of the event that the mail tells of."""
    order_id: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    recipient: Mapped[str] = mapped_column(String(320))
    subject: Mapped[str] = mapped_column(String(200))
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class EventCount(Base):
    """How often an event has happened."""

    __tablename__ = "event_counts"

    event: Mapped[str] = mapped_column(String(100), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)


class Inbox(InboxMixin, Base):
    """Messages that have had their effect."""
