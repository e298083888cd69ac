"""War rooms, their members, groups, tasks, timelines, and what they listen to."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import metadata

_OPEN = sa.text("state = 'open'")
_ASKED = sa.text("step <> ''")
_LOOK = sa.text("next_at IS NOT NULL")
_KEYED = sa.text("key <> ''")
_CHAT = sa.text("chat_id <> ''")
_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _time(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


rooms = sa.Table(
    "rooms",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("subject_type", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Text, nullable=False),
    _number("order_id"),
    sa.Column("source_type", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    _text("rule"),
    _text("title"),
    _text("label"),
    _number("amount"),
    sa.Column("currency", sa.Text, nullable=False),
    _text("owner"),
    _text("owner_name"),
    _text("opened_by"),
    _time("opened_at", nullable=False),
    _text("settings_version"),
    _text("trace_id"),
    _text("shop_code"),
    _text("region"),
    _text("warehouse"),
    sa.Column("facts", sa.Text, nullable=False),
    _text("reason"),
    sa.Column("members", sa.Text, nullable=False),
    sa.Column("notes", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    _text("order_state"),
    _text("step"),
    _text("step_by"),
    _time("step_at"),
    _text("cause"),
    _text("effect"),
    _text("plans"),
    _time("ended_at"),
    _text("ended_by"),
    _text("ended_name"),
    _text("report"),
    _number("round"),
    _number("revision"),
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
    _text("chat_id"),
    _text("handle"),
    _text("note"),
    sa.Column("missing", sa.Text, nullable=False),
    _text("to_do"),
    sa.Index("ix_room_groups_chat", "chat_id", "platform", "app", sqlite_where=_CHAT, postgresql_where=_CHAT),
)

room_tasks = sa.Table(
    "room_tasks",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("title"),
    _text("assignee"),
    _text("assignee_name"),
    _text("given_by"),
    _text("given_by_name"),
    _time("given_at", nullable=False),
    _time("due_at", nullable=False),
    sa.Column("follow_up", sa.Boolean, nullable=False),
    _time("done_at"),
    _text("done_by"),
    _text("done_name"),
    _time("next_at"),
    _number("told"),
    _number("revision"),
    sa.Index("ix_room_tasks_assignee", "assignee", "done_at", "due_at"),
    sa.Index("ix_room_tasks_next", "next_at", sqlite_where=_LOOK, postgresql_where=_LOOK),
)

room_lines = sa.Table(
    "room_lines",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    _time("at", nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    _text("text"),
    _text("who"),
    _text("who_name"),
    _text("key"),
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
    _number("seen"),
)
