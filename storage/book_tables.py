"""Tables of the books, and the indexes by which a day of orders is found."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import metadata, orders


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


# One row a day that was compared, or is to be: `due` is when, or the end of the lease while it runs.
book_days = sa.Table(
    "book_days",
    metadata,
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due", sa.BigInteger),
    sa.Column("summary", sa.Text, nullable=False),
    _text("settings_version"),
    sa.Column("compared_at", sa.BigInteger),
    _text("error"),
    _number("tries"),
    sa.Column("asked", sa.Text, nullable=False, server_default="[]"),
    _number("revision"),
    sa.Index(
        "ix_book_days_due",
        "due",
        sqlite_where=sa.text("due IS NOT NULL"),
        postgresql_where=sa.text("due IS NOT NULL"),
    ),
)

book_bills = sa.Table(
    "book_bills",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    _text("name"),
    _text("source"),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    _text("path"),
    _text("rows_path"),
    _number("rows"),
    _number("amount"),
    _number("fee"),
    _text("reason"),
    sa.Index("ix_book_bills_day", "day"),
    sa.Index("ix_book_bills_digest", "digest"),
)

book_differences = sa.Table(
    "book_differences",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    _text("kind"),
    _text("side"),
    _text("account"),
    _text("shop_code"),
    _text("order_no"),
    _text("refund_no"),
    _text("provider_no"),
    _number("ours"),
    _number("theirs"),
    _number("stake"),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    _text("settings_version"),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    _number("line"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("explained", sa.Boolean, nullable=False, server_default=sa.false()),
    _text("owner"),
    _text("owner_name"),
    _text("asked_by"),
    _text("asked_name"),
    _text("reason"),
    _text("outcome"),
    sa.Column("notes", sa.Text, nullable=False),
    sa.Column("closed_at", sa.BigInteger),
    _text("trace_id"),
    _number("revision"),
    sa.UniqueConstraint("day", "key", name="uq_book_differences_key"),
    sa.Index("ix_book_differences_order", "order_no", "day"),
    # What waits for a person, however much is done.
    sa.Index(
        "ix_book_differences_open",
        "day",
        "category",
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    ),
)

# A day of orders without reading all of them. The first grows with each order, at its end; the others are small.
orders_paid = sa.Index("ix_orders_paid", orders.c.paid_at)
orders_refunded = sa.Index(
    "ix_orders_refunded",
    orders.c.modified_at,
    sqlite_where=sa.text("refund_count > 0"),
    postgresql_where=sa.text("refund_count > 0"),
)
orders_unpaid = sa.Index(
    "ix_orders_unpaid",
    orders.c.created_at,
    sqlite_where=sa.text("state = 'unpaid'"),
    postgresql_where=sa.text("state = 'unpaid'"),
)
orders_shipped_unpaid = sa.Index(
    "ix_orders_shipped_unpaid",
    orders.c.shipped_at,
    sqlite_where=sa.text("paid_at IS NULL AND shipped_at IS NOT NULL"),
    postgresql_where=sa.text("paid_at IS NULL AND shipped_at IS NOT NULL"),
)
