"""Tables of the lights: timers, alerts, folded cards, readings of gauges, leases of watches."""

from __future__ import annotations

import sqlalchemy as sa

from storage.columns import number, text, time
from storage.tables import metadata, refunds

_OPEN = sa.text("state = 'open'")
_LOOK = sa.text("next_at IS NOT NULL")


# What an order turns next under a rule, and when: evaluation reads only what has come due.
timers = sa.Table(
    "alert_timers",
    metadata,
    sa.Column("order_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("level", sa.Text, nullable=False),
    time("due", nullable=False),
    text("shop_code"),
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
    text("title"),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    time("start", nullable=False),
    time("red_at", nullable=False),
    time("raised_at", nullable=False),
    text("settings_version"),
    sa.Column("facts", sa.Text, nullable=False),
    text("trace_id"),
    text("label"),
    text("shop_code"),
    text("region"),
    text("warehouse"),
    number("amount"),
    sa.Column("currency", sa.Text, nullable=False),
    text("chat"),
    text("owner_role"),
    text("owner"),
    text("shown"),
    time("turned_at"),
    time("acknowledged_at"),
    time("reminded_at"),
    time("snoozed_until"),
    time("escalated_at"),
    time("next_at"),
    time("ended_at"),
    text("ended_by"),
    text("reason"),
    sa.Column("story", sa.Text, nullable=False),
    number("turn"),
    number("revision"),
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
    text("title"),
    time("opened_at", nullable=False),
    number("count"),
    number("revision"),
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
    text("version"),
    number("cursor"),
    number("fed"),
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
    number("value"),
    sqlite_with_rowid=False,
)

# Which process runs a watch now (PostgreSQL with several): taken over when `until` has passed.
watch_leases = sa.Table(
    "watch_leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    time("until", nullable=False),
)

# For 我的待办: refunds that wait for somebody's decision, however many are decided.
_APPLIED = sa.text("process = 'applied'")
sa.Index("ix_refunds_applied", refunds.c.requested_at, sqlite_where=_APPLIED, postgresql_where=_APPLIED)
