"""Tables of the sync engine."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import metadata, orders

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _time(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


# `failed_at`: JSON list of microseconds, the failures of the last hour. `resting`, `unsettled`: 0 or 1.
sync_shops = sa.Table(
    "sync_shops",
    metadata,
    sa.Column("shop_code", sa.Text, primary_key=True),
    _time("cursor"),
    _time("tried_at"),
    _time("succeeded_at"),
    _number("failures"),
    sa.Column("failed_at", sa.Text, nullable=False, server_default="[]"),
    _time("next_try"),
    _number("resting"),
    _text("last_error"),
    _text("paused"),
    _time("counted_at"),
    _number("ours"),
    _number("theirs"),
    _number("unsettled"),
    _number("revision"),
)

# `raw_cipher`: the row as it came, sealed, because it may name the receiver.
sync_quarantine = sa.Table(
    "sync_quarantine",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("shop_code", sa.Text, nullable=False),
    _text("platform_order_id"),
    _text("reason"),
    sa.Column("raw_cipher", sa.LargeBinary),
    _time("first_seen", nullable=False),
    _time("last_seen", nullable=False),
    _number("tries"),
    _number("warning"),
    sa.Column("state", sa.Text, nullable=False),
    _time("settled_at"),
    _text("settled_by"),
    _number("revision"),
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
    sa.Column("id", _Id, primary_key=True),
    sa.Column("shop_code", sa.Text, nullable=False),
    sa.Column("event_key", sa.Text, nullable=False),
    _text("kind"),
    _text("order_id"),
    _time("received_at", nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    _number("revision"),
    sa.UniqueConstraint("shop_code", "event_key", name="uq_sync_pushes_event"),
    sa.Index("ix_sync_pushes_received", "received_at"),
)

# Counting against a platform's own total, and what came in today.
orders_by_change = sa.Index("ix_orders_shop_modified", orders.c.shop_code, orders.c.modified_at)
