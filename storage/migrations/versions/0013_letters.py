"""Dead letters: what a person decided about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('dead', 'retrying')")
_GOING = sa.text("ended_at IS NULL")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _time(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def upgrade() -> None:
    """Additive: the version before this one works on beside it."""
    op.create_table(
        "letters",
        sa.Column("queue", sa.Text(), primary_key=True),
        sa.Column("row_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("state", sa.Text(), nullable=False),
        _number("deaths"),
        _time("died_at"),
        _text("trouble"),
        _text("decided_by"),
        _text("reason"),
        _time("decided_at"),
        _number("revision"),
    )
    op.create_index("ix_letters_trouble", "letters", ["trouble", "state"])
    op.create_index(
        "ix_letters_open", "letters", ["queue", "row_id"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_table(
        "letter_troubles",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        _text("place"),
        _text("error"),
        _time("since", nullable=False),
        _time("last_at", nullable=False),
        _time("ended_at"),
    )
    op.create_index(
        "uq_letter_troubles_open",
        "letter_troubles",
        ["kind"],
        unique=True,
        sqlite_where=_GOING,
        postgresql_where=_GOING,
    )
