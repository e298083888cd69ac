"""Tables of the jobs by the clock (domain/job.py)."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import metadata


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


# The jobs this installation knows. A job's row is also its lock: whoever changes its runs holds it.
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _text("title"),
    _text("schedule"),
    _text("owner"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("next_due", sa.BigInteger),
    sa.Column(
        "last_slot", sa.BigInteger
    ),  # the newest slot that was planted: what is missed begins behind it
)

# `id` names the slot, so a slot is planted once. `ready_at`: not before this time; while running, the end of
# the lease; NULL when nothing is left to do.
job_runs = sa.Table(
    "job_runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("due", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("ready_at", sa.BigInteger),
    _text("worker"),
    _text("trace_id"),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("args", sa.Text, nullable=False, server_default="{}"),
    _text("asked_by"),
    _number("attempts"),
    sa.Column("started_at", sa.BigInteger),
    sa.Column("finished_at", sa.BigInteger),
    _number("millis"),
    sa.Column("counts", sa.Text, nullable=False, server_default="{}"),
    _text("error"),
    _number("done"),
    _number("total"),
    _text("note"),
    sa.Index(
        "ix_job_runs_going",
        "job",
        "ready_at",
        sqlite_where=sa.text("ready_at IS NOT NULL"),
        postgresql_where=sa.text("ready_at IS NOT NULL"),
    ),
    sa.Index("ix_job_runs_finished", "job", "finished_at"),
)

job_troubles = sa.Table(
    "job_troubles",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
    sa.Column("last_run", sa.Text, nullable=False),
    _text("error"),
    _number("failures"),
    sa.Column("recovered_at", sa.BigInteger),
    _number("revision"),
    # A job is in one trouble at a time.
    sa.Index(
        "uq_job_troubles_open",
        "job",
        unique=True,
        sqlite_where=sa.text("recovered_at IS NULL"),
        postgresql_where=sa.text("recovered_at IS NULL"),
    ),
)
