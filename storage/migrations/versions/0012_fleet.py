"""Several processes on one database: who works on what, and who is alive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Additive: the version before this one works on beside it."""
    for name in ("lane", "subject", "owner"):
        op.add_column("inbox", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("outbox", sa.Column("owner", sa.Text(), server_default="", nullable=False))
    # With lane and subject in it a claim passes over what others have in hand without touching the rows.
    op.drop_index("ix_inbox_due", table_name="inbox")
    unfinished = sa.text("due IS NOT NULL")
    op.create_index(
        "ix_inbox_due",
        "inbox",
        ["due", "id", "lane", "subject"],
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )
    op.create_table(
        "processes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), server_default="", nullable=False),
        sa.Column("host", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Text(), server_default="", nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("ix_processes_seen", "processes", ["seen_at"])
