"""Create the carts."""

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "carts",
        sa.Column("account_id", sa.String(64), primary_key=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "cart_items",
        sa.Column("account_id", sa.String(64), sa.ForeignKey("carts.account_id"), nullable=False),
        sa.Column("product_id", sa.String(64), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "product_id"),
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("cart_items")
    op.drop_table("carts")
