"""What is known of dead letters beside their rows in the queues (domain/letter.py)."""

from __future__ import annotations

import sqlalchemy as sa

from storage.columns import number, text, time
from storage.tables import metadata

_OPEN = sa.text("state IN ('dead', 'retrying')")
_GOING = sa.text("ended_at IS NULL")

# One row for each letter that was ever written down. Without a foreign key: the queue's row may be deleted by age.
letters = sa.Table(
    "letters",
    metadata,
    sa.Column("queue", sa.Text, primary_key=True),
    sa.Column("row_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.Text, nullable=False),
    number("deaths"),
    time("died_at"),  # of the row, when this was written: another one is another death
    text("trouble"),
    text("decided_by"),
    text("reason"),
    time("decided_at"),
    number("revision"),
    sa.Index("ix_letters_trouble", "trouble", "state"),
    sa.Index("ix_letters_open", "queue", "row_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

letter_troubles = sa.Table(
    "letter_troubles",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    text("place"),
    text("error"),
    time("since", nullable=False),
    time("last_at", nullable=False),
    time("ended_at"),
    # One kind of trouble is open once.
    sa.Index("uq_letter_troubles_open", "kind", unique=True, sqlite_where=_GOING, postgresql_where=_GOING),
)
