"""Create the shipments."""

import sqlalchemy as sa
from alembic import op

from services.kit.outbox_tables import create_outbox, drop_outbox

revision = "v0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "shipments",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("tracking_number", sa.String(20), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("address", sa.JSON, nullable=False),
        sa.Column("items", sa.Integer, nullable=False),
        sa.Column("contact_email", sa.String(320)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("next_at", sa.DateTime(timezone=True)),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("shipments_due", "shipments", ["next_at"])
    op.create_table(
        "shipment_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("order_id", sa.String(64), sa.ForeignKey("shipments.order_id"), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_shipment_events_order_id", "shipment_events", ["order_id"])
    create_outbox()


def downgrade() -> None:
    """Back to the version before."""
    drop_outbox()
    op.drop_table("shipment_events")
    op.drop_table("shipments")
