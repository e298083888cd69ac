"""Tables of the lights: timers, alerts, folded cards, readings of gauges, leases of watches."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import metadata, refunds

_OPEN = sa.text("state = 'open'")
_LOOK = sa.text("next_at IS NOT NULL")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _time(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


# What an order turns next under a rule, and when: evaluation reads only what has come due.
timers = sa.Table(
    "alert_timers",
    metadata,
    sa.Column("order_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("level", sa.Text, nullable=False),
    _time("due", nullable=False),
    _text("shop_code"),
    sa.Index("ix_alert_timers_due", "due", "rule", "level"),
    sa.Index("ix_alert_timers_shop", "rule", "shop_code"),
    sqlite_with_rowid=False,
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("subject_type", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    _text("title"),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    _time("start", nullable=False),
    _time("red_at", nullable=False),
    _time("raised_at", nullable=False),
    _text("settings_version"),
    sa.Column("facts", sa.Text, nullable=False),
    _text("trace_id"),
    _text("label"),
    _text("shop_code"),
    _text("region"),
    _text("warehouse"),
    _number("amount"),
    sa.Column("currency", sa.Text, nullable=False),
    _text("chat"),
    _text("owner_role"),
    _text("owner"),
    _text("shown"),
    _time("turned_at"),
    _time("acknowledged_at"),
    _time("reminded_at"),
    _time("snoozed_until"),
    _time("escalated_at"),
    _time("next_at"),
    _time("ended_at"),
    _text("ended_by"),
    _text("reason"),
    sa.Column("story", sa.Text, nullable=False),
    _number("turn"),
    _number("revision"),
    sa.Index("ix_alerts_subject", "subject_type", "subject_id", "state"),
    # One open alert for each subject and rule, whoever raises it.
    sa.Index(
        "uq_alerts_open",
        "subject_type",
        "subject_id",
        "rule",
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    ),
    sa.Index("ix_alerts_urgent", "level", "red_at", "number", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sa.Index("ix_alerts_owner", "owner", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sa.Index("ix_alerts_next", "next_at", "rule", sqlite_where=_LOOK, postgresql_where=_LOOK),
)

folds = sa.Table(
    "alert_folds",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("chat", sa.Text, nullable=False),
    _text("title"),
    _time("opened_at", nullable=False),
    _number("count"),
    _number("revision"),
    sa.Index("ix_alert_folds_key", "rule", "kind", "chat", "opened_at"),
)

fold_members = sa.Table(
    "alert_fold_members",
    metadata,
    sa.Column("fold_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, primary_key=True),
    sa.Index("ix_alert_fold_members_number", "number"),
    sqlite_with_rowid=False,
)

# How far all open orders have been put before the rules of one settings version; a single row.
feeding = sa.Table(
    "alert_feeding",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    _text("version"),
    _number("cursor"),
    _number("fed"),
    sa.Column("done", sa.Boolean, nullable=False),
)

# In which hours a shop had new orders; kept for the last days only.
inflow = sa.Table(
    "alert_inflow",
    metadata,
    sa.Column("shop_code", sa.Text, primary_key=True),
    sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

samples = sa.Table(
    "alert_samples",
    metadata,
    sa.Column("gauge", sa.Text, primary_key=True),
    sa.Column("shop_code", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
    _number("value"),
    sqlite_with_rowid=False,
)

# Which process runs a watch now (PostgreSQL with several): taken over when `until` has passed.
watch_leases = sa.Table(
    "watch_leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    _time("until", nullable=False),
)

# For 我的待办: refunds that wait for somebody's decision, however many are decided.
_APPLIED = sa.text("process = 'applied'")
sa.Index("ix_refunds_applied", refunds.c.requested_at, sqlite_where=_APPLIED, postgresql_where=_APPLIED)
