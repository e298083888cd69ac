"""Every table, for SQLAlchemy Core. Migrations create them; a test holds the two together.

Times are microseconds since 1970 UTC (storage/instants.py), money integer minor units beside a currency,
JSON is text written by orjson. Columns ending in `_cipher` are sealed by storage/secrets.py.
"""

from __future__ import annotations

import sqlalchemy as sa

from storage.columns import ROW_ID, number, text, time

metadata = sa.MetaData()

# Trace ids are searched by prefix: byte order on both databases.
_Plain = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


OPEN = "state NOT IN ('completed', 'closed', 'cancelled')"  # of an order; spelt the same wherever it is asked


orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("shop_code", sa.Text, nullable=False),
    sa.Column("platform_order_id", sa.Text, nullable=False),
    text("platform"),
    sa.Column("state", sa.Text, nullable=False),
    text("state_raw"),
    number("version"),
    number("revision"),
    sa.Column("currency", sa.Text, nullable=False),
    number("total"),
    number("paid"),
    number("freight"),
    number("discount"),
    time("created_at", nullable=False),
    time("paid_at"),
    time("shipped_at"),
    time("delivered_at"),
    time("completed_at"),
    time("modified_at"),
    time("ship_deadline_at"),
    time("seen_at"),
    text("buyer_id"),
    text("region"),
    text("warehouse"),
    text("province"),
    text("city"),
    text("district"),
    text("town"),
    text("oaid"),
    text("name_mask"),
    sa.Column("name_cipher", sa.LargeBinary),
    sa.Column("name_digest", sa.LargeBinary),
    text("phone_mask"),
    sa.Column("phone_cipher", sa.LargeBinary),
    sa.Column("phone_digest", sa.LargeBinary),
    sa.Column("phone_tail", sa.Text),
    text("address_mask"),
    sa.Column("address_cipher", sa.LargeBinary),
    sa.Column("private_cipher", sa.LargeBinary),  # remarks and the platform's raw JSON
    sa.Column("items", sa.Text, nullable=False),
    sa.Column("waybills", sa.Text, nullable=False),
    sa.Column("refunds", sa.Text, nullable=False),
    number("refund_count"),
    sa.Column("timeline", sa.Text, nullable=False),
    # Every index costs each import a page a row; two of these serve two look-ups each.
    sa.UniqueConstraint("platform_order_id", "shop_code", name="uq_orders_key"),
    sa.Index("ix_orders_buyer", "shop_code", "buyer_id", "created_at"),
    sa.Index("ix_orders_phone", "phone_tail", "phone_digest", "created_at"),
    sa.Index("ix_orders_name", "name_digest", "created_at"),
    # The digest counts a day's orders, and the open ones by state, without touching the rows.
    sa.Index("ix_orders_day", "created_at", "currency", "paid", "shop_code", "region", "warehouse"),
    sa.Index(
        "ix_orders_open",
        *("state", "shop_code", "region", "warehouse", "created_at", "paid_at", "shipped_at", "delivered_at"),
        sqlite_where=sa.text(OPEN),
        postgresql_where=sa.text(OPEN),
    ),
)

# Further numbers an order is found by: `kind` sub (sub-order id) | waybill. Without a foreign key: orders are
# never deleted, and PostgreSQL checked it with a plan made while the table was empty.
order_refs = sa.Table(
    "order_refs",
    metadata,
    sa.Column("order_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Index("ix_order_refs_value", "value", "kind", "order_id"),
    sqlite_with_rowid=False,
)

refunds = sa.Table(
    "refunds",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("order_id", sa.BigInteger, sa.ForeignKey("orders.id"), nullable=False),
    sa.Column("shop_code", sa.Text, nullable=False),
    sa.Column("platform_order_id", sa.Text, nullable=False),
    number("amount"),
    sa.Column("currency", sa.Text, nullable=False),
    text("reason"),
    text("requester"),
    text("requester_name"),
    time("requested_at", nullable=False),
    sa.Column("process", sa.Text, nullable=False),
    sa.Column("money", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("decisions", sa.Text, nullable=False),
    text("platform_refund_id"),
    text("waiting"),
    text("outcome"),
    time("finished_at"),
    sa.Column("trace_id", _Plain, nullable=False),
    number("revision"),
    sa.Index("ix_refunds_order", "order_id"),
    sa.Index("ix_refunds_requested", "requested_at"),
    # Two desk refunds never claim the same refund of a shop.
    sa.Index(
        "uq_refunds_shop_refund",
        "shop_code",
        "platform_refund_id",
        unique=True,
        sqlite_where=sa.text("platform_refund_id <> ''"),
        postgresql_where=sa.text("platform_refund_id <> ''"),
    ),
)

sent_cards = sa.Table(
    "sent_cards",
    metadata,
    sa.Column("card_id", sa.Text, primary_key=True),
    text("platform"),
    text("app"),
    text("user_id"),
    text("chat_id"),
    text("reply_url"),
    time("reply_until"),
    sa.Column("subject_type", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Text, nullable=False),
    sa.Column("params", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("handle", sa.Text, nullable=False),
    text("shown"),
    sa.Column("trace_id", _Plain, nullable=False, server_default=""),
    number("revision"),
    time("created_at", nullable=False),
    time("changed_at", nullable=False),
    sa.Index(
        "ix_sent_cards_live",
        "subject_type",
        "subject_id",
        sqlite_where=sa.text("state = 'live'"),
        postgresql_where=sa.text("state = 'live'"),
    ),
)

# Append-only: triggers refuse to change or remove a row.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    time("at", nullable=False),
    text("actor"),
    text("origin"),
    sa.Column("action", sa.Text, nullable=False),
    text("subject_type"),
    text("subject_id"),
    sa.Column("trace_id", _Plain, nullable=False, server_default=""),
    sa.Column("details", sa.Text, nullable=False),
    sa.Index("ix_audit_trace", "trace_id"),
    sa.Index("ix_audit_subject", "subject_type", "subject_id", "at"),
)

# `due`: not before this time; while running, the end of the lease; NULL when nothing is left to do.
inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("platform", sa.Text, nullable=False),
    sa.Column("app", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("trace_id", _Plain, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    time("due"),
    number("attempts"),
    number("failures"),
    time("received_at", nullable=False),
    time("claimed_at"),
    time("finished_at"),
    text("outcome"),
    text("detail"),
    text("error"),
    text("lane"),  # who sent it: one at a time, in order
    text("subject"),  # what a tapped card is about, `type:id`: one at a time as well
    text("owner"),  # the process that has it in hand, or had it last
    sa.UniqueConstraint("platform", "app", "key", name="uq_inbox_key"),
    sa.Index("ix_inbox_trace", "trace_id"),
    sa.Index(
        "ix_inbox_due",
        "due",
        "id",
        "lane",
        "subject",
        sqlite_where=sa.text("due IS NOT NULL"),
        postgresql_where=sa.text("due IS NOT NULL"),
    ),
    sa.Index(
        "ix_inbox_dead",
        "id",
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    ),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("trace_id", _Plain, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    time("due"),
    number("attempts"),
    number("failures"),
    time("created_at", nullable=False),
    time("claimed_at"),
    time("finished_at"),
    sa.Column("result", sa.Text, nullable=False, server_default="{}"),
    text("error"),
    text("owner"),
    sa.UniqueConstraint("key", name="uq_outbox_key"),
    sa.Index("ix_outbox_trace", "trace_id"),
    # In order of delivery, and by lane; only what is unfinished, however much is done.
    sa.Index(
        "ix_outbox_order",
        "priority",
        "id",
        "due",
        "lane",
        sqlite_where=sa.text("due IS NOT NULL"),
        postgresql_where=sa.text("due IS NOT NULL"),
    ),
    sa.Index(
        "ix_outbox_lane",
        "lane",
        "priority",
        "id",
        sqlite_where=sa.text("due IS NOT NULL"),
        postgresql_where=sa.text("due IS NOT NULL"),
    ),
    sa.Index(
        "ix_outbox_due",
        "due",
        sqlite_where=sa.text("due IS NOT NULL"),
        postgresql_where=sa.text("due IS NOT NULL"),
    ),
    sa.Index(
        "ix_outbox_dead",
        "id",
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    ),
)

# One row per delivery that began: `outcome` done | unsent (surely) | retry (it may have gone out) | dead | lost (the
# process died or the lease ended).
outbox_attempts = sa.Table(
    "outbox_attempts",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("outbox_id", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    time("started_at", nullable=False),
    time("finished_at", nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    text("error"),
    sa.Index("ix_outbox_attempts_outbox", "outbox_id"),
)

# Orders the rules have not looked at since they changed (domain/watching.py).
order_changes = sa.Table(
    "order_changes",
    metadata,
    sa.Column("order_id", ROW_ID, primary_key=True, autoincrement=False),
    time("at", nullable=False),
    sa.Index("ix_order_changes_at", "at"),
)

# Files that came by chat or leave by it, by the digest of their content (domain/kept_file.py).
kept_files = sa.Table(
    "kept_files",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    text("name"),
    text("media_type"),
    sa.Column("content", sa.LargeBinary, nullable=False),
    time("created_at", nullable=False),
    sa.Index("ix_kept_files_created", "created_at"),
)

# Small facts about the database itself, such as the fingerprint of its data key.
marks = sa.Table(
    "marks",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
