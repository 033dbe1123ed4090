"""The tables of `kit.outbox` as migrations create them, the same in every service."""

import sqlalchemy as sa
from alembic import op


def create_outbox() -> None:
    """Create the outbox, in the migration that runs now."""
    op.create_table(
        "outbox",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("message_id", sa.String(32), nullable=False, unique=True),
        sa.Column("routing_key", sa.String(100), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_by", sa.String(32)),
        sa.Column("claimed_until", sa.DateTime(timezone=True)),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
    )
    op.create_index("outbox_unsent", "outbox", ["sent_at", "id"])


def create_inbox() -> None:
    """Create the inbox, in the migration that runs now."""
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(50), primary_key=True),
        sa.Column("message_id", sa.String(64), primary_key=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_inbox_seen_at", "inbox", ["seen_at"])


def drop_outbox() -> None:
    """Undo `create_outbox`."""
    op.drop_table("outbox")


def drop_inbox() -> None:
    """Undo `create_inbox`."""
    op.drop_table("inbox")
