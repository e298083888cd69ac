"""War rooms, their members, groups, tasks, timelines, and what they listen to."""

from __future__ import annotations

import sqlalchemy as sa

from storage.columns import ROW_ID, number, text, time
from storage.tables import metadata

_OPEN = sa.text("state = 'open'")
_ASKED = sa.text("step <> ''")
_LOOK = sa.text("next_at IS NOT NULL")
_KEYED = sa.text("key <> ''")
_CHAT = sa.text("chat_id <> ''")


rooms = sa.Table(
    "rooms",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("subject_type", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Text, nullable=False),
    number("order_id"),
    sa.Column("source_type", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    text("rule"),
    text("title"),
    text("label"),
    number("amount"),
    sa.Column("currency", sa.Text, nullable=False),
    text("owner"),
    text("owner_name"),
    text("opened_by"),
    time("opened_at", nullable=False),
    text("settings_version"),
    text("trace_id"),
    text("shop_code"),
    text("region"),
    text("warehouse"),
    sa.Column("facts", sa.Text, nullable=False),
    text("reason"),
    sa.Column("members", sa.Text, nullable=False),
    sa.Column("notes", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    text("order_state"),
    text("step"),
    text("step_by"),
    time("step_at"),
    text("cause"),
    text("effect"),
    text("plans"),
    time("ended_at"),
    text("ended_by"),
    text("ended_name"),
    text("report"),
    number("round"),
    number("revision"),
    # Never two for one subject, whoever asks.
    sa.Index("uq_rooms_subject", "subject_type", "subject_id", unique=True),
    sa.Index("ix_rooms_open", "opened_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sa.Index("ix_rooms_order", "order_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sa.Index("ix_rooms_asking", "step_by", sqlite_where=_ASKED, postgresql_where=_ASKED),
)

# Whose rooms: `rooms.members` says more, this finds them.
room_members = sa.Table(
    "room_members",
    metadata,
    sa.Column("staff_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, primary_key=True),
)

room_groups = sa.Table(
    "room_groups",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("platform", sa.Text, primary_key=True),
    sa.Column("app", sa.Text, primary_key=True),
    text("chat_id"),
    text("handle"),
    text("note"),
    sa.Column("missing", sa.Text, nullable=False),
    text("to_do"),
    sa.Index("ix_room_groups_chat", "chat_id", "platform", "app", sqlite_where=_CHAT, postgresql_where=_CHAT),
)

room_tasks = sa.Table(
    "room_tasks",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    text("title"),
    text("assignee"),
    text("assignee_name"),
    text("given_by"),
    text("given_by_name"),
    time("given_at", nullable=False),
    time("due_at", nullable=False),
    sa.Column("follow_up", sa.Boolean, nullable=False),
    time("done_at"),
    text("done_by"),
    text("done_name"),
    time("next_at"),
    number("told"),
    number("revision"),
    sa.Index("ix_room_tasks_assignee", "assignee", "done_at", "due_at"),
    sa.Index("ix_room_tasks_next", "next_at", sqlite_where=_LOOK, postgresql_where=_LOOK),
)

room_lines = sa.Table(
    "room_lines",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    time("at", nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    text("text"),
    text("who"),
    text("who_name"),
    text("key"),
    sa.Index("ix_room_lines_number", "number", "id"),
    sa.Index("uq_room_lines_key", "number", "key", unique=True, sqlite_where=_KEYED, postgresql_where=_KEYED),
)

# `seen` audit rows of this subject were looked at: there is news when there are more.
room_watches = sa.Table(
    "room_watches",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("subject_type", sa.Text, primary_key=True),
    sa.Column("subject_id", sa.Text, primary_key=True),
    number("seen"),
)
