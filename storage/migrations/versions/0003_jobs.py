"""Runs of jobs, their slots and their troubles."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("name", sa.Text(), primary_key=True),
        *_texts("title", "schedule", "owner"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("next_due", sa.BigInteger()),
        sa.Column("last_slot", sa.BigInteger()),
    )
    op.create_table(
        "job_runs",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ready_at", sa.BigInteger()),
        *_texts("worker", "trace_id"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("args", sa.Text(), nullable=False, server_default="{}"),
        *_texts("asked_by"),
        *_numbers("attempts"),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        *_numbers("millis"),
        sa.Column("counts", sa.Text(), nullable=False, server_default="{}"),
        *_texts("error"),
        *_numbers("done", "total"),
        *_texts("note"),
    )
    going = sa.text("ready_at IS NOT NULL")
    op.create_index(
        "ix_job_runs_going", "job_runs", ["job", "ready_at"], sqlite_where=going, postgresql_where=going
    )
    op.create_index("ix_job_runs_finished", "job_runs", ["job", "finished_at"])
    op.create_table(
        "job_troubles",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("last_run", sa.Text(), nullable=False),
        *_texts("error"),
        *_numbers("failures"),
        sa.Column("recovered_at", sa.BigInteger()),
        *_numbers("revision"),
    )
    still = sa.text("recovered_at IS NULL")
    op.create_index(
        "uq_job_troubles_open",
        "job_troubles",
        ["job"],
        unique=True,
        sqlite_where=still,
        postgresql_where=still,
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False, server_default="") for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False, server_default="0") for name in names]
