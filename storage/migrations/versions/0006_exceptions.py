"""Exceptions and stock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OPEN = "state = 'open'"


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), primary_key=key, nullable=False)


def _empty(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _zero(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def upgrade() -> None:
    op.create_table(
        "exceptions",
        _text("number", key=True),
        _text("kind"),
        _text("subject_type"),
        _text("subject_id"),
        sa.Column("red", sa.Boolean(), nullable=False),
        _text("facts"),
        _text("rule"),
        _text("settings_version"),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        _text("trace_id"),
        *(_empty(name) for name in ("label", "shop_code", "region", "warehouse", "owner", "owner_name")),
        _text("state"),
        sa.Column("closed_at", sa.BigInteger()),
        _empty("closed_by"),
        _empty("reason"),
        _zero("revision"),
    )
    op.create_index(
        "uq_exceptions_open",
        "exceptions",
        ["subject_type", "subject_id", "kind"],
        unique=True,
        sqlite_where=sa.text(_OPEN),
        postgresql_where=sa.text(_OPEN),
    )
    op.create_index("ix_exceptions_subject", "exceptions", ["subject_type", "subject_id", "closed_at"])
    op.create_index("ix_exceptions_queue", "exceptions", ["state", "kind", "red", "raised_at"])
    op.create_table(
        "stock",
        _text("warehouse", key=True),
        _text("sku", key=True),
        sa.Column("on_hand", sa.BigInteger(), nullable=False),
        _zero("locked"),
        _zero("in_transfer"),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_stock_sku", "stock", ["sku"])
