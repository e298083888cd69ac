"""How far each shop is pulled, pushes that came, orders in quarantine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _time(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def upgrade() -> None:
    _shops()
    _quarantine()
    _pushes()
    op.create_index("ix_orders_shop_modified", "orders", ["shop_code", "modified_at"])


def _shops() -> None:
    op.create_table(
        "sync_shops",
        sa.Column("shop_code", sa.Text(), primary_key=True),
        _time("cursor"),
        _time("tried_at"),
        _time("succeeded_at"),
        _number("failures"),
        sa.Column("failed_at", sa.Text(), server_default="[]", nullable=False),
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


def _quarantine() -> None:
    op.create_table(
        "sync_quarantine",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("shop_code", sa.Text(), nullable=False),
        _text("platform_order_id"),
        _text("reason"),
        sa.Column("raw_cipher", sa.LargeBinary(), nullable=True),
        _time("first_seen", nullable=False),
        _time("last_seen", nullable=False),
        _number("tries"),
        _number("warning"),
        sa.Column("state", sa.Text(), nullable=False),
        _time("settled_at"),
        _text("settled_by"),
        _number("revision"),
    )
    op.create_index(
        "ix_sync_quarantine_open",
        "sync_quarantine",
        ["shop_code", "last_seen"],
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )


def _pushes() -> None:
    op.create_table(
        "sync_pushes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("shop_code", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        _text("kind"),
        _text("order_id"),
        _time("received_at", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        _number("revision"),
        sa.UniqueConstraint("shop_code", "event_key", name="uq_sync_pushes_event"),
    )
    op.create_index("ix_sync_pushes_received", "sync_pushes", ["received_at"])
