"""Digests, who wants them, and the indexes they count by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OPEN = "state NOT IN ('completed', 'closed', 'cancelled')"


def upgrade() -> None:
    op.create_table(
        "digests",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_digests_day", "digests", ["day"])
    op.create_table(
        "digest_subscriptions",
        sa.Column("staff_id", sa.Text(), primary_key=True),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
    )
    day = ["created_at", "currency", "paid", "shop_code", "region", "warehouse"]
    op.create_index("ix_orders_day", "orders", day)
    waiting = ["created_at", "paid_at", "shipped_at", "delivered_at"]
    op.create_index(
        "ix_orders_open",
        "orders",
        ["state", "shop_code", "region", "warehouse", *waiting],
        sqlite_where=sa.text(_OPEN),
        postgresql_where=sa.text(_OPEN),
    )
    op.create_index("ix_refunds_requested", "refunds", ["requested_at"])
