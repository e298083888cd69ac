"""Digests as they were sent, and who wants them."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import metadata

digests = sa.Table(
    "digests",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, nullable=False),  # ISO date in Asia/Shanghai
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Index("ix_digests_day", "day"),
)

digest_subscriptions = sa.Table(
    "digest_subscriptions",
    metadata,
    sa.Column("staff_id", sa.Text, primary_key=True),
    sa.Column("wanted", sa.Boolean, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
)
