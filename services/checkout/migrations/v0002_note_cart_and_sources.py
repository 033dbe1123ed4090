"""Note with each order which state of the cart it was made of, and from where it was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column(
        "orders", sa.Column("cart_revision", sa.Integer, nullable=False, server_default="0")
    )
    op.add_column("orders", sa.Column("source", sa.Text, nullable=False, server_default=""))
    op.add_column("orders", sa.Column("cancelled_from", sa.Text))
    op.create_index("orders_of_status", "orders", ["status", "paid_at"])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index("orders_of_status", "orders")
    for column in ("cancelled_from", "source", "cart_revision"):
        op.drop_column("orders", column)
