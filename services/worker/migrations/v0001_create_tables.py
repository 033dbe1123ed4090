"""Create the mails and counts."""

import sqlalchemy as sa
from alembic import op

from services.kit.outbox_tables import create_inbox, drop_inbox

revision = "v0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "mails",
        sa.Column("message_id", sa.String(64), primary_key=True),
        sa.Column("order_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("recipient", sa.String(320), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_mails_order_id", "mails", ["order_id"])
    op.create_table(
        "event_counts",
        sa.Column("event", sa.String(100), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    create_inbox()


def downgrade() -> None:
    """Back to the version before."""
    drop_inbox()
    op.drop_table("event_counts")
    op.drop_table("mails")
