"""Count the changes of a cart: what is in it can then be told from what was put there later."""

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"
branch_labels = None
depends_on = None

TABLES = ("carts", "cart_items")


def upgrade() -> None:
    """To this version."""
    for table in TABLES:
        column = sa.Column("revision", sa.Integer, nullable=False, server_default="0")
        op.add_column(table, column)


def downgrade() -> None:
    """Back to the version before."""
    for table in TABLES:
        op.drop_column(table, "revision")
