"""Alerts and the timers that raise them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OPEN = sa.text("state = 'open'")
_LOOK = sa.text("next_at IS NOT NULL")
_APPLIED = sa.text("process = 'applied'")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _time(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def upgrade() -> None:
    _timers()
    _alerts()
    _folds()
    _others()
    op.create_index(
        "ix_refunds_applied",
        "refunds",
        ["requested_at"],
        sqlite_where=_APPLIED,
        postgresql_where=_APPLIED,
    )


def _timers() -> None:
    op.create_table(
        "alert_timers",
        sa.Column("order_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("rule", sa.Text(), primary_key=True),
        sa.Column("level", sa.Text(), nullable=False),
        _time("due", nullable=False),
        _text("shop_code"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_alert_timers_due", "alert_timers", ["due", "rule", "level"])
    op.create_index("ix_alert_timers_shop", "alert_timers", ["rule", "shop_code"])


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("number", sa.Text(), primary_key=True),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        _text("title"),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        _time("start", nullable=False),
        _time("red_at", nullable=False),
        _time("raised_at", nullable=False),
        _text("settings_version"),
        sa.Column("facts", sa.Text(), nullable=False),
        *(_text(name) for name in ("trace_id", "label", "shop_code", "region", "warehouse")),
        _number("amount"),
        sa.Column("currency", sa.Text(), nullable=False),
        *(_text(name) for name in ("chat", "owner_role", "owner", "shown")),
        *(_time(name) for name in ("turned_at", "acknowledged_at", "reminded_at", "snoozed_until")),
        *(_time(name) for name in ("escalated_at", "next_at", "ended_at")),
        _text("ended_by"),
        _text("reason"),
        sa.Column("story", sa.Text(), nullable=False),
        _number("turn"),
        _number("revision"),
    )
    op.create_index("ix_alerts_subject", "alerts", ["subject_type", "subject_id", "state"])
    open_ones = {"sqlite_where": _OPEN, "postgresql_where": _OPEN}
    op.create_index(
        "uq_alerts_open", "alerts", ["subject_type", "subject_id", "rule"], unique=True, **open_ones
    )
    op.create_index("ix_alerts_urgent", "alerts", ["level", "red_at", "number"], **open_ones)
    op.create_index("ix_alerts_owner", "alerts", ["owner"], **open_ones)
    op.create_index(
        "ix_alerts_next", "alerts", ["next_at", "rule"], sqlite_where=_LOOK, postgresql_where=_LOOK
    )


def _folds() -> None:
    op.create_table(
        "alert_folds",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("chat", sa.Text(), nullable=False),
        _text("title"),
        _time("opened_at", nullable=False),
        _number("count"),
        _number("revision"),
    )
    op.create_index("ix_alert_folds_key", "alert_folds", ["rule", "kind", "chat", "opened_at"])
    op.create_table(
        "alert_fold_members",
        sa.Column("fold_id", sa.Text(), primary_key=True),
        sa.Column("number", sa.Text(), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_alert_fold_members_number", "alert_fold_members", ["number"])


def _others() -> None:
    op.create_table(
        "alert_feeding",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        _text("version"),
        _number("cursor"),
        _number("fed"),
        sa.Column("done", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "alert_inflow",
        sa.Column("shop_code", sa.Text(), primary_key=True),
        sa.Column("hour", sa.BigInteger(), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "alert_samples",
        sa.Column("gauge", sa.Text(), primary_key=True),
        sa.Column("shop_code", sa.Text(), primary_key=True),
        sa.Column("at", sa.BigInteger(), primary_key=True, autoincrement=False),
        _number("value"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "watch_leases",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("holder", sa.Text(), nullable=False),
        _time("until", nullable=False),
    )
