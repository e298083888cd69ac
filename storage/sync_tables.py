"""Tables of the sync engine."""

from __future__ import annotations

import sqlalchemy as sa

from storage.columns import ROW_ID, number, text, time
from storage.tables import metadata, orders

# `failed_at`: JSON list of microseconds, the failures of the last hour. `resting`, `unsettled`: 0 or 1.
sync_shops = sa.Table(
    "sync_shops",
    metadata,
    sa.Column("shop_code", sa.Text, primary_key=True),
    time("cursor"),
    time("tried_at"),
    time("succeeded_at"),
    number("failures"),
    sa.Column("failed_at", sa.Text, nullable=False, server_default="[]"),
    time("next_try"),
    number("resting"),
    text("last_error"),
    text("paused"),
    time("counted_at"),
    number("ours"),
    number("theirs"),
    number("unsettled"),
    number("revision"),
)

# `raw_cipher`: the row as it came, sealed, because it may name the receiver.
sync_quarantine = sa.Table(
    "sync_quarantine",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("shop_code", sa.Text, nullable=False),
    text("platform_order_id"),
    text("reason"),
    sa.Column("raw_cipher", sa.LargeBinary),
    time("first_seen", nullable=False),
    time("last_seen", nullable=False),
    number("tries"),
    number("warning"),
    sa.Column("state", sa.Text, nullable=False),
    time("settled_at"),
    text("settled_by"),
    number("revision"),
    sa.Index(
        "ix_sync_quarantine_open",
        "shop_code",
        "last_seen",
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
)

sync_pushes = sa.Table(
    "sync_pushes",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("shop_code", sa.Text, nullable=False),
    sa.Column("event_key", sa.Text, nullable=False),
    text("kind"),
    text("order_id"),
    time("received_at", nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    number("revision"),
    sa.UniqueConstraint("shop_code", "event_key", name="uq_sync_pushes_event"),
    sa.Index("ix_sync_pushes_received", "received_at"),
)

# Counting against a platform's own total, and what came in today.
orders_by_change = sa.Index("ix_orders_shop_modified", orders.c.shop_code, orders.c.modified_at)
