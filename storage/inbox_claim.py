"""Which rows of the inbox this process works on next.

Rows that share a lane (one sender) or a subject (one refund whose cards two people tap) never run at once, whatever
number of processes works: claims of all processes follow each other, and none takes a row that shares either with a
row in another's hands. What it takes of one lane it takes in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from storage.among import among
from storage.instants import from_micros
from storage.items import RUNNING, InboxItem
from storage.queue import take
from storage.tables import inbox as table

LANE_ROOM = 8  # rows of one lane in one process's hands: a flood from one sender leaves room for the others
_ROUNDS = 4  # pages looked at in one claim, when crowded lanes fill them
_CLAIM_LOCK = 0x696E62  # PostgreSQL: claims of all processes one after the other
_t = table.c
_WANTED = (
    _t.id,
    _t.platform,
    _t.app,
    _t.kind,
    _t.key,
    _t.payload,
    _t.trace_id,
    _t.received_at,
    _t.attempts,
    _t.failures,
    _t.lane,
    _t.subject,
)
_DUE = (
    sa.select(*_WANTED)
    .where(
        _t.due <= sa.bindparam("now"),
        ~among(_t.lane, "lanes"),
        ~among(_t.subject, "subjects"),
    )
    .order_by(_t.due, _t.id)
    .limit(sa.bindparam("limit"))
)
_HELD = sa.select(_t.lane, _t.subject).where(
    _t.due > sa.bindparam("now"), _t.state == RUNNING, _t.owner != sa.bindparam("owner")
)
_BEHIND = sa.select(_t.lane).distinct().where(_t.due <= sa.bindparam("now"), among(_t.subject, "subjects"))
_WAITS = (
    sa.select(_t.id)
    .where(
        _t.due <= sa.bindparam("now"),
        sa.or_(
            among(_t.lane, "lanes"),
            among(_t.subject, "subjects"),
        ),
    )
    .limit(1)
)


@dataclass(frozen=True)
class Claim:
    """At most `limit` rows until `now` + `lease_seconds`; `in_hand` counts this process's rows by lane."""

    now: int
    limit: int
    lease_seconds: float
    owner: str
    in_hand: Mapping[str, int]


@dataclass
class _Picking:
    """Greedy, in order: a row that must wait makes everything behind it wait that shares its lane or subject."""

    room: int
    hands: Counter[str]
    lanes: set[str]
    subjects: set[str]
    chosen: list[Any] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def look(self, rows: list[Any]) -> None:
        for row in rows:
            if len(self.chosen) >= self.room:
                return
            if row.id in self.seen:
                continue
            self.seen.add(row.id)
            if (
                row.lane in self.lanes
                or row.subject in self.subjects
                or (row.lane and self.hands[row.lane] >= LANE_ROOM)
            ):
                self._leave(row)
            else:
                self.hands[row.lane] += 1
                self.chosen.append(row)

    def _leave(self, row: Any) -> None:
        self.lanes.update({row.lane} - {""})
        self.subjects.update({row.subject} - {""})


def claim_rows(connection: Connection, asked: Claim) -> tuple[list[InboxItem], bool]:
    """The rows, taken; and whether others were passed over because of what another process has in hand."""
    lanes, subjects = _held(connection, asked)
    picking = _Picking(asked.limit, Counter(asked.in_hand), set(lanes), set(subjects))
    page = asked.limit + LANE_ROOM
    for _ in range(_ROUNDS):
        given = {
            "now": asked.now,
            "limit": page,
            "lanes": picking.lanes,
            "subjects": picking.subjects,
        }
        rows = list(connection.execute(_DUE, given))
        picking.look([row for row in rows if row.id not in picking.seen])
        if len(picking.chosen) >= asked.limit or len(rows) < page:
            break
    taken: set[int] = set()
    if picking.chosen:
        ids = [row.id for row in picking.chosen]
        taken = take(connection, table, ids, asked.now, asked.lease_seconds, asked.owner)
    waits = False
    if len(picking.chosen) < asked.limit and (lanes or subjects):
        given = {"now": asked.now, "lanes": lanes, "subjects": subjects}
        waits = connection.execute(_WAITS, given).first() is not None
    return [_item(row) for row in picking.chosen if row.id in taken], waits


def _held(connection: Connection, asked: Claim) -> tuple[set[str], set[str]]:
    """Lanes and subjects that wait for what is in other processes' hands. SQLite has one process."""
    if connection.dialect.name != "postgresql":
        return set(), set()
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CLAIM_LOCK)))
    rows = connection.execute(_HELD, {"now": asked.now, "owner": asked.owner}).all()
    lanes, subjects = {row.lane for row in rows} - {""}, {row.subject for row in rows} - {""}
    if subjects:  # whoever waits behind a tap that must wait
        behind = connection.execute(_BEHIND, {"now": asked.now, "subjects": list(subjects)})
        lanes |= set(behind.scalars()) - {""}
    return lanes, subjects


def _item(row: Any) -> InboxItem:
    return InboxItem(
        id=row.id,
        platform=row.platform,
        app=row.app,
        kind=row.kind,
        key=row.key,
        payload=row.payload,
        trace_id=row.trace_id,
        received_at=from_micros(row.received_at),
        attempts=row.attempts + 1,
        failures=row.failures,
        lane=row.lane,
        subject=row.subject,
    )
