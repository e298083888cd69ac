"""War rooms and their parts between objects and rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from domain.chat import SubjectRef
from domain.money import Money
from domain.ports import Conflict
from domain.room import LineKind, Member, Room, RoomGroup, RoomLine, RoomState, RoomTask, Step
from storage.instants import from_micros, maybe_instant, maybe_micros, to_micros
from storage.prepared import update_where
from storage.room_tables import room_groups, room_lines, room_members, room_tasks, room_watches, rooms
from storage.texts import storable

_PLAIN = (
    "number",
    "kind",
    "rule",
    "label",
    "owner",
    "owner_name",
    "opened_by",
    "settings_version",
    "trace_id",
)
_MORE = (
    "shop_code",
    "region",
    "warehouse",
    "order_state",
    "step_by",
    "ended_by",
    "ended_name",
    "report",
    "round",
)
_WORDS = ("title", "reason", "cause", "effect", "plans")
_TASK = ("number", "n", "assignee", "assignee_name", "given_by", "given_by_name", "follow_up", "done_by")


def _insert(connection: Connection, table: sa.Table) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def write_room(connection: Connection, room: Room) -> None:
    """Insert (revision 0) or replace under the revision; Conflict when somebody was first."""
    row = _room_row(room)
    if room.revision == 0:
        try:
            with connection.begin_nested():
                connection.execute(sa.insert(rooms), row)
        except IntegrityError as error:
            raise Conflict(f"{room.subject.type}:{room.subject.id} has a room already") from error
    elif not update_where(connection, rooms, {"number": room.number, "revision": room.revision}, row):
        raise Conflict(f"room {room.number} is no longer at revision {room.revision}")
    _write_members(connection, room)
    if not room.open:  # it listens no more, and must not be looked through for news for ever
        connection.execute(sa.delete(room_watches).where(room_watches.c.number == room.number))


def _write_members(connection: Connection, room: Room) -> None:
    """Nobody is ever taken out of a room again."""
    statement = _insert(connection, room_members).on_conflict_do_nothing()
    found = [{"staff_id": member.staff_id, "number": room.number} for member in room.members]
    if found:
        connection.execute(statement, found)


def _room_row(room: Room) -> dict[str, Any]:
    return {
        **{name: getattr(room, name) for name in (*_PLAIN, *_MORE)},
        **{name: storable(getattr(room, name)) for name in _WORDS},
        "subject_type": room.subject.type,
        "subject_id": room.subject.id,
        "order_id": room.order_id,
        "source_type": room.source.type,
        "source_id": room.source.id,
        "amount": room.amount.minor,
        "currency": room.amount.currency,
        "opened_at": to_micros(room.opened_at),
        "facts": storable(orjson.dumps(dict(room.facts)).decode()),
        "members": storable(orjson.dumps([[m.staff_id, m.name, m.why] for m in room.members]).decode()),
        "notes": storable(orjson.dumps(list(room.notes)).decode()),
        "state": room.state.value,
        "step": room.step.value,
        "step_at": maybe_micros(room.step_at),
        "ended_at": maybe_micros(room.ended_at),
        "revision": room.revision + 1,
    }


def room_of(row: RowMapping) -> Room:
    return Room(
        subject=SubjectRef(row["subject_type"], row["subject_id"]),
        source=SubjectRef(row["source_type"], row["source_id"]),
        amount=Money(row["amount"], row["currency"]),
        opened_at=from_micros(row["opened_at"]),
        facts=orjson.loads(row["facts"]),
        members=tuple(Member(*one) for one in orjson.loads(row["members"])),
        notes=tuple(orjson.loads(row["notes"])),
        state=RoomState(row["state"]),
        step=Step(row["step"]),
        step_at=maybe_instant(row["step_at"]),
        ended_at=maybe_instant(row["ended_at"]),
        revision=row["revision"],
        **{name: row[name] for name in (*_PLAIN, *_MORE, *_WORDS)},
    )


def write_group(connection: Connection, group: RoomGroup) -> None:
    values = {
        "number": group.number,
        "platform": group.platform,
        "app": group.app,
        "chat_id": group.chat_id,
        "handle": group.handle,
        "note": storable(group.note),
        "missing": storable(orjson.dumps(list(group.missing)).decode()),
        "to_do": storable(group.to_do),
    }
    keys = ("number", "platform", "app")
    changes = {name: value for name, value in values.items() if name not in keys}
    statement = _insert(connection, room_groups).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes))


def group_of(row: RowMapping) -> RoomGroup:
    same = ("number", "platform", "app", "chat_id", "handle", "note", "to_do")
    return RoomGroup(missing=tuple(orjson.loads(row["missing"])), **{name: row[name] for name in same})


def write_task(connection: Connection, task: RoomTask) -> None:
    row = {
        **{name: getattr(task, name) for name in _TASK},
        "title": storable(task.title),
        "given_at": to_micros(task.given_at),
        "due_at": to_micros(task.due_at),
        "done_at": maybe_micros(task.done_at),
        "done_name": task.done_name,
        "next_at": maybe_micros(task.next_at),
        "told": task.told,
        "revision": task.revision + 1,
    }
    if task.revision == 0:
        try:
            with connection.begin_nested():
                connection.execute(sa.insert(room_tasks), row)
        except IntegrityError as error:
            raise Conflict(f"room {task.number} has a task {task.n} already") from error
        return
    guards = {"number": task.number, "n": task.n, "revision": task.revision}
    if not update_where(connection, room_tasks, guards, row):
        raise Conflict(f"task {task.id} is no longer at revision {task.revision}")


def task_of(row: RowMapping) -> RoomTask:
    return RoomTask(
        given_at=from_micros(row["given_at"]),
        due_at=from_micros(row["due_at"]),
        done_at=maybe_instant(row["done_at"]),
        next_at=maybe_instant(row["next_at"]),
        **{name: row[name] for name in (*_TASK, "title", "done_name", "told", "revision")},
    )


def write_line(connection: Connection, line: RoomLine) -> None:
    """One whose key is there already is left out."""
    row = {
        "number": line.number,
        "at": to_micros(line.at),
        "kind": line.kind.value,
        "text": storable(line.text),
        "who": line.who,
        "who_name": line.who_name,
        "key": line.key,
    }
    statement = _insert(connection, room_lines).on_conflict_do_nothing(
        index_elements=["number", "key"], index_where=sa.text("key <> ''")
    )
    connection.execute(statement, row)


def line_of(row: RowMapping) -> RoomLine:
    same: Mapping[str, Any] = {name: row[name] for name in ("number", "text", "who", "who_name", "key")}
    return RoomLine(at=from_micros(row["at"]), kind=LineKind(row["kind"]), **same)


def write_watch(connection: Connection, number: str, subject: SubjectRef, seen: int) -> None:
    """Never back: another process may have seen more."""
    statement = _insert(connection, room_watches)
    key = ["number", "subject_type", "subject_id"]
    more = sa.case(
        (statement.excluded.seen > room_watches.c.seen, statement.excluded.seen), else_=room_watches.c.seen
    )
    values = {"number": number, "subject_type": subject.type, "subject_id": subject.id, "seen": seen}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_={"seen": more}), values)
