"""Tables of the books, and the indexes by which a day of orders is found."""

from __future__ import annotations

import sqlalchemy as sa

from storage.columns import number, text
from storage.tables import metadata, orders

# One row a day that was compared, or is to be: `due` is when, or the end of the lease while it runs.
book_days = sa.Table(
    "book_days",
    metadata,
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due", sa.BigInteger),
    sa.Column("summary", sa.Text, nullable=False),
    text("settings_version"),
    sa.Column("compared_at", sa.BigInteger),
    text("error"),
    number("tries"),
    sa.Column("asked", sa.Text, nullable=False, server_default="[]"),
    number("revision"),
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
    text("name"),
    text("source"),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    text("path"),
    text("rows_path"),
    number("rows"),
    number("amount"),
    number("fee"),
    text("reason"),
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
    text("kind"),
    text("side"),
    text("account"),
    text("shop_code"),
    text("order_no"),
    text("refund_no"),
    text("provider_no"),
    number("ours"),
    number("theirs"),
    number("stake"),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    text("settings_version"),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    number("line"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("explained", sa.Boolean, nullable=False, server_default=sa.false()),
    text("owner"),
    text("owner_name"),
    text("asked_by"),
    text("asked_name"),
    text("reason"),
    text("outcome"),
    sa.Column("notes", sa.Text, nullable=False),
    sa.Column("closed_at", sa.BigInteger),
    text("trace_id"),
    number("revision"),
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
