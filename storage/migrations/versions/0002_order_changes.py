"""The feed of changed orders that the rules look at; failed tries counted apart from lost ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "order_changes",
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_order_changes_at", "order_changes", ["at"])
    for table in ("inbox", "outbox"):
        op.add_column(table, sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False))
