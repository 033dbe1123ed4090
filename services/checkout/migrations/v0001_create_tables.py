"""Create the orders."""

import sqlalchemy as sa
from alembic import op

from services.kit.outbox_tables import create_inbox, create_outbox, drop_inbox, drop_outbox

revision = "v0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "orders",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("customer", sa.JSON, nullable=False),
        sa.Column("idempotency_key", sa.String(128), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.Column("subtotal_cents", sa.BigInteger, nullable=False),
        sa.Column("shipping_cents", sa.BigInteger, nullable=False),
        sa.Column("total_cents", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("address", sa.JSON, nullable=False),
        sa.Column("shipping_method", sa.String(16), nullable=False),
        sa.Column("payment_token", sa.String(64), nullable=False),
        sa.Column("next_step", sa.String(32)),
        sa.Column("driven_by", sa.String(32)),
        sa.Column("driven_until", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.JSON),
        sa.Column("answer", sa.JSON),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("account_id", "idempotency_key", name="orders_idempotency_key"),
    )
    op.create_index("orders_of_account", "orders", ["account_id", "created_at"])
    op.create_index("orders_unfinished", "orders", ["next_step", "driven_until"])
    op.create_table(
        "saga_steps",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("order_id", sa.String(64), sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_saga_steps_order_id", "saga_steps", ["order_id"])
    op.create_table(
        "payments",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refunded_at", sa.DateTime(timezone=True)),
    )
    create_outbox()
    create_inbox()


def downgrade() -> None:
    """Back to the version before."""
    drop_inbox()
    drop_outbox()
    for table in ("payments", "saga_steps", "orders"):
        op.drop_table(table)
