"""What each app spent, day by day."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import metadata

usage_days = sa.Table(
    "usage_days",
    metadata,
    sa.Column("platform", sa.Text, primary_key=True),
    sa.Column("app", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),  # ISO date in Asia/Shanghai
    sa.Column("calls", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("messages", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("ix_usage_days_day", "day"),
)
