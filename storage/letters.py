"""Dead letters, their troubles, and what people decide about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping
from sqlalchemy.dialects import postgresql, sqlite

from domain.letter import (
    INBOX,
    MONEY,
    OPEN,
    Board,
    Letter,
    LetterState,
    ProcessSeen,
    Trouble,
    read_number,
)
from domain.ports import Conflict
from storage.engines import Engines
from storage.instants import from_micros, maybe_instant, maybe_micros, to_micros
from storage.items import DEAD, DONE, GIVEN_UP, READY
from storage.letter_figures import figures
from storage.letter_rows import TABLES, read_letters, select_letters
from storage.letter_tables import letter_troubles as troubles
from storage.letter_tables import letters as notes
from storage.pending import Pending
from storage.prepared import select_by, update_where
from storage.processes import Processes
from storage.tables import outbox
from storage.texts import storable

_n, _t = notes.c, troubles.c
_OPEN_STATES = [state.value for state in OPEN]
_STILL_OPEN = _n.state.in_(
    [sa.literal_column(f"'{state}'") for state in _OPEN_STATES]
)  # as the index says it
_DEAD: sa.ColumnElement[str] = sa.literal_column(f"'{DEAD}'")
_TROUBLE = select_by(troubles, "id")
_GOING = select_by(troubles, "kind").where(_t.ended_at.is_(None))
_COUNTS = sa.select(_n.state, sa.func.count()).where(_n.trouble == sa.bindparam("trouble")).group_by(_n.state)


class SqlLetters:
    """`domain.letter.Letters` on SQL."""

    def __init__(self, engines: Engines, pending: Pending, owner: str) -> None:
        self._engines = engines
        self._pending = pending
        self._processes = Processes(engines, owner)

    async def board(self, now: datetime) -> Board:
        queues = await self._engines.scan(partial(figures, now=to_micros(now)))
        living = await self._processes.living()
        seen = tuple(ProcessSeen(one.name, one.roles, one.host, one.seen_at) for one in living)
        return Board(queues, seen, self._processes.shared)

    async def get(self, number: str) -> Letter | None:
        found = read_number(number)
        if found is None:
            return None
        return await self._engines.read(partial(_get, queue=found[0], row=found[1]))

    async def dead(
        self, *, money_only: bool = False, trouble: str = "", limit: int = 20, offset: int = 0
    ) -> tuple[Sequence[Letter], int]:
        return await self._engines.scan(
            partial(_dead, money_only=money_only, trouble=trouble, limit=limit, offset=offset)
        )

    async def changed(self, limit: int) -> Sequence[Letter]:
        return await self._engines.scan(partial(_changed, limit=limit))

    async def trouble(self, trouble_id: str) -> Trouble | None:
        return await self._engines.read(lambda c: _one_trouble(c, _TROUBLE, id=trouble_id))

    async def open_trouble(self, kind: str) -> Trouble | None:
        return await self._engines.read(lambda c: _one_trouble(c, _GOING, kind=kind))

    async def open_troubles(self) -> Sequence[Trouble]:
        return await self._engines.scan(_open_troubles)

    def save(self, letter: Letter) -> None:
        self._later(letter, None)

    def put_back(self, letter: Letter) -> None:
        """The attempts stay counted: doors and effects ask the far side first when a try is not the first."""
        self._later(letter, READY)

    def give_up(self, letter: Letter) -> None:
        self._later(letter, GIVEN_UP)

    def begin(self, trouble: Trouble) -> None:
        self._pending.later["letters.trouble", trouble.id] = lambda c, _now: _begin(c, trouble)

    def join(self, trouble_id: str, at: datetime, error: str) -> None:
        self._pending.later["letters.trouble", trouble_id] = lambda c, _now: _join(c, trouble_id, at, error)

    def settle(self, trouble_id: str) -> None:
        self._pending.later["letters.settle", trouble_id] = lambda c, now: _settle(c, trouble_id, now)

    def _later(self, letter: Letter, state: str | None) -> None:
        def write(connection: Connection, now: int) -> None:
            if state is not None:
                _move_row(connection, letter, state, now)
            _write_note(connection, letter)

        self._pending.later["letters", letter.number] = write


def _get(connection: Connection, *, queue: str, row: int) -> Letter | None:
    statement = select_letters(queue).where(TABLES[queue].c.id == row)
    for letter in read_letters(connection, queue, statement):
        wrong = letter.noted or letter.state in (LetterState.DEAD, LetterState.GIVEN_UP)
        return letter if wrong else None
    return None


def _dead(
    connection: Connection, *, money_only: bool, trouble: str, limit: int, offset: int
) -> tuple[list[Letter], int]:
    """Both queues merged by when they died; each gives as many as the pages up to this one can need."""
    found: list[Letter] = []
    count = 0
    for queue, table in TABLES.items():
        if money_only and queue == INBOX:
            continue
        wanted = [table.c.state == _DEAD]
        if money_only:
            wanted.append(outbox.c.lane.like("effect:refund:%"))
        if trouble:
            wanted.append(_n.trouble == trouble)
        statement = select_letters(queue).where(*wanted)
        newest = statement.order_by(table.c.finished_at.desc(), table.c.id.desc()).limit(offset + limit)
        here = read_letters(connection, queue, newest)
        total = statement.with_only_columns(sa.func.count())
        count += int(connection.execute(total).scalar_one())
        found += [letter for letter in here if not money_only or letter.what in MONEY]
    found.sort(key=lambda letter: (letter.died_at or letter.since, letter.row), reverse=True)
    return found[offset : offset + limit], count


def _changed(connection: Connection, *, limit: int) -> list[Letter]:
    found: list[Letter] = []
    for queue, table in TABLES.items():
        another = _n.died_at.is_distinct_from(table.c.finished_at)
        fresh = sa.or_(_n.state.is_(None), _n.state != DEAD, another)
        dying = select_letters(queue).where(table.c.state == _DEAD, fresh).order_by(table.c.id).limit(limit)
        found += read_letters(connection, queue, dying)
        kept = sa.case((table.c.state.in_((DEAD, DONE, GIVEN_UP)), table.c.state), else_="retrying")
        moved = (
            select_letters(queue)
            .where(_STILL_OPEN, _n.state != kept, table.c.state != _DEAD)
            .order_by(table.c.id)
            .limit(limit)
        )
        found += read_letters(connection, queue, moved)
        found += _gone(connection, queue, limit)
    return found[:limit]


def _gone(connection: Connection, queue: str, limit: int) -> list[Letter]:
    """Open letters whose row was deleted by its age: nothing but the note is left."""
    table = TABLES[queue]
    there = sa.exists().where(table.c.id == _n.row_id)
    statement = sa.select(notes).where(_STILL_OPEN, _n.queue == queue, ~there).limit(limit)
    return [_letter_of(row) for row in connection.execute(statement).mappings()]


def _letter_of(row: RowMapping) -> Letter:
    return Letter(
        queue=row["queue"],
        row=row["row_id"],
        what="unreadable",
        state=LetterState.GONE,
        trace_id="",
        since=from_micros(0),
        died_at=maybe_instant(row["died_at"]),
        tries=0,
        error="",
        noted=row["state"],
        deaths=row["deaths"],
        trouble=row["trouble"],
        by=row["decided_by"],
        reason=row["reason"],
        decided_at=maybe_instant(row["decided_at"]),
        revision=row["revision"],
    )


def _move_row(connection: Connection, letter: Letter, state: str, now: int) -> None:
    table = TABLES[letter.queue]
    back = state == READY
    values: dict[str, Any] = {"state": state, "due": now if back else None}
    values |= {"failures": 0, "finished_at": None} if back else {}
    before = (DEAD, GIVEN_UP) if back else (DEAD,)
    if not update_where(connection, table, {"id": letter.row, "state": before}, values):
        raise Conflict(f"letter {letter.number} is not dead any more")


def _write_note(connection: Connection, letter: Letter) -> None:
    row = {
        "queue": letter.queue,
        "row_id": letter.row,
        "state": letter.state.value,
        "deaths": letter.deaths,
        "died_at": maybe_micros(letter.died_at),
        "trouble": letter.trouble,
        "decided_by": letter.by,
        "reason": storable(letter.reason),
        "decided_at": maybe_micros(letter.decided_at),
        "revision": letter.revision + 1,
    }
    if letter.revision == 0:
        written = _insert(connection, notes, row)
    else:
        guards = {"queue": letter.queue, "row_id": letter.row, "revision": letter.revision}
        written = update_where(connection, notes, guards, row)
    if not written:
        raise Conflict(f"letter {letter.number} is no longer at revision {letter.revision}")


def _begin(connection: Connection, trouble: Trouble) -> None:
    row = {
        "id": trouble.id,
        "kind": trouble.kind,
        "what": trouble.what,
        "place": trouble.place,
        "error": storable(trouble.error),
        "since": to_micros(trouble.since),
        "last_at": to_micros(trouble.last_at),
    }
    if not _insert(connection, troubles, row):
        raise Conflict(f"trouble {trouble.kind} has begun meanwhile")


def _join(connection: Connection, trouble_id: str, at: datetime, error: str) -> None:
    going = sa.update(troubles).where(_t.id == trouble_id, _t.ended_at.is_(None))
    values = {"last_at": to_micros(at), "error": storable(error)}
    if connection.execute(going.values(values)).rowcount != 1:
        raise Conflict(f"trouble {trouble_id} has ended meanwhile")


def _settle(connection: Connection, trouble_id: str, now: int) -> None:
    """Locked first, in a statement of its own: whoever joins it just now has to be seen by the look that follows."""
    lock = sa.select(_t.id).where(_t.id == trouble_id, _t.ended_at.is_(None)).with_for_update()
    if connection.execute(lock).first() is None:
        return
    left = sa.select(_n.row_id).where(_n.trouble == trouble_id, _n.state.in_(_OPEN_STATES)).limit(1)
    if connection.execute(left).first() is None:
        connection.execute(sa.update(troubles).where(_t.id == trouble_id).values(ended_at=now))


def _insert(connection: Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    return connection.execute(insert.values(row).on_conflict_do_nothing()).rowcount == 1


def _one_trouble(connection: Connection, statement: sa.Select[Any], **given: str) -> Trouble | None:
    row = connection.execute(statement, given).mappings().first()
    return None if row is None else _counted(connection, row)


def _open_troubles(connection: Connection) -> list[Trouble]:
    statement = sa.select(troubles).where(_t.ended_at.is_(None)).order_by(_t.last_at.desc(), _t.id)
    found = [_counted(connection, row) for row in connection.execute(statement).mappings().all()]
    return [trouble for trouble in found if trouble.count(LetterState.DEAD)]


def _counted(connection: Connection, row: RowMapping) -> Trouble:
    counts = {str(state): int(n) for state, n in connection.execute(_COUNTS, {"trouble": row["id"]})}
    return Trouble(
        row["id"],
        row["kind"],
        row["what"],
        row["place"],
        row["error"],
        from_micros(row["since"]),
        from_micros(row["last_at"]),
        maybe_instant(row["ended_at"]),
        counts,
    )
