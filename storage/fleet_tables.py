"""The processes that work on this database."""

from __future__ import annotations

import sqlalchemy as sa

from storage.columns import text, time
from storage.tables import metadata

# `seen_at` by the database's own clock, so that hosts whose clocks differ agree on who is alive.
processes = sa.Table(
    "processes",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    text("roles"),
    text("host"),
    text("version"),
    time("started_at", nullable=False),
    time("seen_at", nullable=False),
    sa.Index("ix_processes_seen", "seen_at"),
)
