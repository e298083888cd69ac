"""War rooms, their tasks and timelines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _must(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), primary_key=key, nullable=False)


def _time(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _index(name: str, table: str, columns: list[str], where: str = "", *, unique: bool = False) -> None:
    if not where:
        op.create_index(name, table, columns, unique=unique)
        return
    text = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=text, postgresql_where=text)


def upgrade() -> None:
    _rooms()
    op.create_table("room_members", _must("staff_id", key=True), _must("number", key=True))
    op.create_table(
        "room_groups",
        *(_must(name, key=True) for name in ("number", "platform", "app")),
        *(_text(name) for name in ("chat_id", "handle", "note")),
        _must("missing"),
        _text("to_do"),
    )
    _index("ix_room_groups_chat", "room_groups", ["chat_id", "platform", "app"], "chat_id <> ''")
    _tasks()
    op.create_table(
        "room_lines",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        _must("number"),
        _time("at", nullable=False),
        _must("kind"),
        *(_text(name) for name in ("text", "who", "who_name", "key")),
    )
    _index("ix_room_lines_number", "room_lines", ["number", "id"])
    _index("uq_room_lines_key", "room_lines", ["number", "key"], "key <> ''", unique=True)
    op.create_table(
        "room_watches",
        *(_must(name, key=True) for name in ("number", "subject_type", "subject_id")),
        _number("seen"),
    )


def _rooms() -> None:
    op.create_table(
        "rooms",
        _must("number", key=True),
        _must("subject_type"),
        _must("subject_id"),
        _number("order_id"),
        _must("source_type"),
        _must("source_id"),
        _must("kind"),
        *(_text(name) for name in ("rule", "title", "label")),
        _number("amount"),
        _must("currency"),
        *(_text(name) for name in ("owner", "owner_name", "opened_by")),
        _time("opened_at", nullable=False),
        *(_text(name) for name in ("settings_version", "trace_id", "shop_code", "region", "warehouse")),
        _must("facts"),
        _text("reason"),
        _must("members"),
        _must("notes"),
        _must("state"),
        *(_text(name) for name in ("order_state", "step", "step_by")),
        _time("step_at"),
        *(_text(name) for name in ("cause", "effect", "plans")),
        _time("ended_at"),
        *(_text(name) for name in ("ended_by", "ended_name", "report")),
        _number("round"),
        _number("revision"),
    )
    _index("uq_rooms_subject", "rooms", ["subject_type", "subject_id"], unique=True)
    _index("ix_rooms_open", "rooms", ["opened_at"], "state = 'open'")
    _index("ix_rooms_order", "rooms", ["order_id"], "state = 'open'")
    _index("ix_rooms_asking", "rooms", ["step_by"], "step <> ''")


def _tasks() -> None:
    op.create_table(
        "room_tasks",
        _must("number", key=True),
        sa.Column("n", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False),
        *(_text(name) for name in ("title", "assignee", "assignee_name", "given_by", "given_by_name")),
        _time("given_at", nullable=False),
        _time("due_at", nullable=False),
        sa.Column("follow_up", sa.Boolean(), nullable=False),
        _time("done_at"),
        *(_text(name) for name in ("done_by", "done_name")),
        _time("next_at"),
        _number("told"),
        _number("revision"),
    )
    _index("ix_room_tasks_assignee", "room_tasks", ["assignee", "done_at", "due_at"])
    _index("ix_room_tasks_next", "room_tasks", ["next_at"], "next_at IS NOT NULL")
