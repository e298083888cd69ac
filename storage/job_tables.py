"""Tables of the jobs by the clock (domain/job.py)."""

from __future__ import annotations

import sqlalchemy as sa

from storage.columns import number, text
from storage.tables import metadata

# The jobs this installation knows. A job's row is also its lock: whoever changes its runs holds it.
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    text("title"),
    text("schedule"),
    text("owner"),
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
    text("worker"),
    text("trace_id"),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("args", sa.Text, nullable=False, server_default="{}"),
    text("asked_by"),
    number("attempts"),
    sa.Column("started_at", sa.BigInteger),
    sa.Column("finished_at", sa.BigInteger),
    number("millis"),
    sa.Column("counts", sa.Text, nullable=False, server_default="{}"),
    text("error"),
    number("done"),
    number("total"),
    text("note"),
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
    text("error"),
    number("failures"),
    sa.Column("recovered_at", sa.BigInteger),
    number("revision"),
    # A job is in one trouble at a time.
    sa.Index(
        "uq_job_troubles_open",
        "job",
        unique=True,
        sqlite_where=sa.text("recovered_at IS NULL"),
        postgresql_where=sa.text("recovered_at IS NULL"),
    ),
)
