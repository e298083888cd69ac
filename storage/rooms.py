"""War rooms, their tasks and timelines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import orjson
import sqlalchemy as sa

from domain.audit import AuditEntry
from domain.chat import SubjectRef
from domain.room import Heard, Room, RoomGroup, RoomLine, RoomTask, Stir
from storage.alert_tables import alerts
from storage.among import among
from storage.engines import Engines
from storage.exception_tables import exceptions
from storage.instants import from_micros, maybe_instant, to_micros
from storage.pending import Pending
from storage.prepared import select_by
from storage.room_rows import (
    group_of,
    line_of,
    room_of,
    task_of,
    write_group,
    write_line,
    write_room,
    write_task,
    write_watch,
)
from storage.room_tables import room_groups, room_lines, room_members, room_tasks, room_watches, rooms
from storage.tables import audit, refunds

_r, _m, _g, _k, _l, _w, _a = (
    rooms.c,
    room_members.c,
    room_groups.c,
    room_tasks.c,
    room_lines.c,
    room_watches.c,
    audit.c,
)
_OPEN = _r.state == sa.literal_column("'open'")  # spelt out, so that the partial indexes are used
_BY_NUMBER = select_by(rooms, "number")
_OF_SUBJECT = select_by(rooms, "subject_type", "subject_id")
_BY_CHAT = (
    sa.select(rooms)
    .join(room_groups, _g.number == _r.number)
    .where(
        _g.chat_id != sa.literal_column("''"),
        _g.chat_id == sa.bindparam("chat_id"),
        _g.platform == sa.bindparam("platform"),
        _g.app == sa.bindparam("app"),
    )
)
_OF_STAFF = (
    sa.select(rooms)
    .join(room_members, _m.number == _r.number)
    .where(_m.staff_id == sa.bindparam("staff_id"), _OPEN)
    .order_by(_r.opened_at.desc())
)
_ALL_OPEN = sa.select(rooms).where(_OPEN).order_by(_r.opened_at.desc()).limit(sa.bindparam("some"))
_ASKING = (
    sa.select(rooms)
    .where(_r.step != sa.literal_column("''"), _r.step_by == sa.bindparam("staff_id"), _OPEN)
    .order_by(_r.step_at.desc())
    .limit(1)
)
_GROUPS = select_by(room_groups, "number").order_by(_g.platform, _g.app)
_TASKS = select_by(room_tasks, "number").order_by(_k.n)
_TASK = select_by(room_tasks, "number", "n")
_MINE = (
    sa.select(room_tasks)
    .where(_k.assignee == sa.bindparam("staff_id"), _k.done_at.is_(None))
    .order_by(_k.due_at)
    .limit(50)
)
_DUE = (
    sa.select(room_tasks)
    .where(_k.next_at <= sa.bindparam("now"))
    .order_by(_k.next_at)
    .limit(sa.bindparam("some"))
)
_FIRST = sa.select(_k.next_at).where(_k.next_at.is_not(None)).order_by(_k.next_at).limit(1)
_LINES = select_by(room_lines, "number").order_by(_l.id.desc()).limit(sa.bindparam("some"))
_STORY = (
    sa.select(audit)
    .where(
        _a.subject_type == sa.bindparam("type"),
        _a.subject_id == sa.bindparam("id"),
        _a.at > sa.bindparam("since"),
    )
    .order_by(_a.id)
)


def _news() -> sa.CompoundSelect[Any]:
    """Watches with more audit rows than were seen; then alerts, refunds and exceptions of an open room's order that
    it does not watch yet. All by index, from the open rooms outwards: what it costs grows with those alone."""
    count = (
        sa.select(sa.func.count())
        .select_from(audit)
        .where(_a.subject_type == _w.subject_type, _a.subject_id == _w.subject_id)
        .scalar_subquery()
    )
    watched = (
        sa.select(_w.number, _w.subject_type, _w.subject_id, count.label("n"))
        .join(rooms, _w.number == _r.number)
        .where(_OPEN, count > _w.seen)
    )
    return sa.union_all(
        watched,
        _unwatched("alert", alerts, _of_subject(alerts)),
        _unwatched("exception", exceptions, _of_subject(exceptions)),
        _unwatched("refund", refunds, (refunds.c.order_id == _r.order_id) & (_r.order_id > 0)),
    )


def _of_subject(table: sa.Table) -> sa.ColumnElement[bool]:
    return (table.c.subject_type == _r.subject_type) & (table.c.subject_id == _r.subject_id)


def _unwatched(kind: str, table: sa.Table, of_room: sa.ColumnElement[bool]) -> sa.Select[Any]:
    number = table.c.number
    known = (
        sa.select(sa.literal(1))
        .select_from(room_watches)
        .where(_w.number == _r.number, _w.subject_type == kind, _w.subject_id == number)
        .correlate(rooms, table)
    )
    return (
        sa.select(_r.number, sa.literal(kind), number, sa.literal(0))
        .join_from(rooms, table, of_room)
        .where(_OPEN, ~known.exists())
    )


_NEWS = _news().limit(sa.bindparam("some"))


class SqlRooms:
    """`domain.room.Rooms` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending

    async def get(self, number: str) -> Room | None:
        return await self._room(_BY_NUMBER, {"number": number})

    async def of_subject(self, subject: SubjectRef) -> Room | None:
        return await self._room(_OF_SUBJECT, {"subject_type": subject.type, "subject_id": subject.id})

    async def by_chat(self, platform: str, app: str, chat_id: str) -> Room | None:
        return await self._room(_BY_CHAT, {"platform": platform, "app": app, "chat_id": chat_id})

    async def open_of_staff(self, staff_id: str) -> Sequence[Room]:
        return await self._rooms(_OF_STAFF, {"staff_id": staff_id})

    async def open_of_orders(self, order_ids: Collection[int]) -> Sequence[Room]:
        wanted = [order_id for order_id in order_ids if order_id]
        if not wanted:
            return ()
        return await self._rooms(sa.select(rooms).where(_OPEN, among(_r.order_id, wanted)), {})

    async def open_rooms(self, limit: int = 50) -> Sequence[Room]:
        return await self._rooms(_ALL_OPEN, {"some": limit})

    async def asking(self, staff_id: str) -> Room | None:
        return await self._room(_ASKING, {"staff_id": staff_id})

    def save(self, room: Room) -> None:
        self._pending.later["room", room.number] = lambda c, _now: write_room(c, room)

    async def groups(self, number: str) -> Sequence[RoomGroup]:
        return [group_of(row) for row in await self._select(_GROUPS, {"number": number})]

    def save_group(self, group: RoomGroup) -> None:
        key = ("room.group", group.number, group.platform, group.app)
        self._pending.later[key] = lambda c, _now: write_group(c, group)

    async def tasks(self, number: str) -> Sequence[RoomTask]:
        return [task_of(row) for row in await self._select(_TASKS, {"number": number})]

    async def task(self, number: str, n: int) -> RoomTask | None:
        found = await self._select(_TASK, {"number": number, "n": n})
        return task_of(found[0]) if found else None

    async def open_tasks_of(self, staff_id: str) -> Sequence[RoomTask]:
        return [task_of(row) for row in await self._select(_MINE, {"staff_id": staff_id})]

    async def due_tasks(self, now: datetime, limit: int) -> Sequence[RoomTask]:
        found = await self._select(_DUE, {"now": to_micros(now), "some": limit})
        return [task_of(row) for row in found]

    async def next_due(self) -> datetime | None:
        return maybe_instant(await self._engines.read(lambda c: c.execute(_FIRST).scalar()))

    def save_task(self, task: RoomTask) -> None:
        self._pending.later["room.task", task.number, task.n] = lambda c, _now: write_task(c, task)

    async def lines(self, number: str, limit: int = 1000) -> Sequence[RoomLine]:
        found = await self._select(_LINES, {"number": number, "some": limit})
        return [line_of(row) for row in reversed(found)]

    def add_line(self, line: RoomLine) -> None:
        later = self._pending.later
        later["room.line", line.number, line.key, len(later)] = partial(_write_line, line=line)

    def watch(self, number: str, subject: SubjectRef, seen: int) -> None:
        key = ("room.watch", number, subject)
        self._pending.later[key] = lambda c, _now: write_watch(c, number, subject, seen)

    async def stirred(self, limit: int) -> Sequence[Stir]:
        rows = await self._engines.read(lambda c: c.execute(_NEWS, {"some": limit}).all())
        return [Stir(row[0], SubjectRef(row[1], row[2]), int(row[3])) for row in rows]

    async def story_of(self, subject: SubjectRef, since: datetime) -> Sequence[Heard]:
        given = {"type": subject.type, "id": subject.id, "since": to_micros(since)}
        return [_heard(row) for row in await self._select(_STORY, given)]

    async def _room(self, statement: sa.Select[Any], given: Mapping[str, object]) -> Room | None:
        found = await self._rooms(statement, given)
        return found[0] if found else None

    async def _rooms(self, statement: sa.Select[Any], given: Mapping[str, object]) -> list[Room]:
        return [room_of(row) for row in await self._select(statement, given)]

    async def _select(
        self, statement: sa.Select[Any], given: Mapping[str, object]
    ) -> Sequence[sa.RowMapping]:
        return await self._engines.read(lambda c: c.execute(statement, given).mappings().all())


def _write_line(connection: sa.Connection, _now: int, line: RoomLine) -> None:
    write_line(connection, line)


def _heard(row: sa.RowMapping) -> Heard:
    entry = AuditEntry(
        from_micros(row["at"]),
        row["actor"],
        row["origin"],
        row["action"],
        SubjectRef(row["subject_type"], row["subject_id"]),
        row["trace_id"],
        orjson.loads(row["details"]),
    )
    return Heard(row["id"], entry)
