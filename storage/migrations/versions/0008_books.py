"""Reconciliations and their differences."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SMALL = {
    "ix_orders_refunded": ("modified_at", "refund_count > 0"),
    "ix_orders_unpaid": ("created_at", "state = 'unpaid'"),
    "ix_orders_shipped_unpaid": ("shipped_at", "paid_at IS NULL AND shipped_at IS NOT NULL"),
}


def _text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _number(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _where(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    op.create_table(
        "book_days",
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger()),
        sa.Column("summary", sa.Text(), nullable=False),
        _text("settings_version"),
        sa.Column("compared_at", sa.BigInteger()),
        _text("error"),
        _number("tries"),
        sa.Column("asked", sa.Text(), server_default="[]", nullable=False),
        _number("revision"),
    )
    _where("ix_book_days_due", "book_days", ["due"], "due IS NOT NULL")
    op.create_table(
        "book_bills",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("digest", sa.Text(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        _text("name"),
        _text("source"),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        _text("path"),
        _text("rows_path"),
        _number("rows"),
        _number("amount"),
        _number("fee"),
        _text("reason"),
    )
    op.create_index("ix_book_bills_day", "book_bills", ["day"])
    op.create_index("ix_book_bills_digest", "book_bills", ["digest"])
    _differences()
    op.create_index("ix_orders_paid", "orders", ["paid_at"])
    for name, (column, condition) in _SMALL.items():
        _where(name, "orders", [column], condition)


def _differences() -> None:
    op.create_table(
        "book_differences",
        sa.Column("number", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("day", "key", "category", "rule")),
        *map(_text, ("kind", "side", "account", "shop_code", "order_no", "refund_no", "provider_no")),
        *map(_number, ("ours", "theirs", "stake")),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        _text("settings_version"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _number("line"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("explained", sa.Boolean(), server_default=sa.false(), nullable=False),
        *map(_text, ("owner", "owner_name", "asked_by", "asked_name", "reason", "outcome")),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.BigInteger()),
        _text("trace_id"),
        _number("revision"),
        sa.UniqueConstraint("day", "key", name="uq_book_differences_key"),
    )
    op.create_index("ix_book_differences_order", "book_differences", ["order_no", "day"])
    _where("ix_book_differences_open", "book_differences", ["day", "category"], "closed_at IS NULL")
