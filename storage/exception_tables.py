"""Exceptions and stock."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import metadata

exceptions = sa.Table(
    "exceptions",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject_type", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Text, nullable=False),
    sa.Column("red", sa.Boolean, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("settings_version", sa.Text, nullable=False),
    sa.Column("raised_at", sa.BigInteger, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False, server_default=""),
    sa.Column("shop_code", sa.Text, nullable=False, server_default=""),
    sa.Column("region", sa.Text, nullable=False, server_default=""),
    sa.Column("warehouse", sa.Text, nullable=False, server_default=""),
    sa.Column("owner", sa.Text, nullable=False, server_default=""),
    sa.Column("owner_name", sa.Text, nullable=False, server_default=""),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("closed_at", sa.BigInteger),
    sa.Column("closed_by", sa.Text, nullable=False, server_default=""),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"),
    # One open exception of a kind for a subject, whoever finds it first.
    sa.Index(
        "uq_exceptions_open",
        "subject_type",
        "subject_id",
        "kind",
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
    sa.Index("ix_exceptions_subject", "subject_type", "subject_id", "closed_at"),
    sa.Index("ix_exceptions_queue", "state", "kind", "red", "raised_at"),
)

stock = sa.Table(
    "stock",
    metadata,
    sa.Column("warehouse", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("on_hand", sa.BigInteger, nullable=False),
    sa.Column("locked", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("in_transfer", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Index("ix_stock_sku", "sku"),
)
