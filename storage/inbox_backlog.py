"""How much of the inbox waits, since when, and whose: asked every second, so answered from indexes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from storage.engines import Engines
from storage.instants import maybe_instant, to_micros
from storage.items import RUNNING
from storage.tables import inbox as table

_MANY = 1_000  # rows; counting more than these is a matter for a scan
_t = table.c
_OPEN = _t.due.is_not(None)
_COUNT = sa.select(
    sa.func.count(),
    sa.func.min(_t.id),
    sa.func.max(_t.id),
    sa.func.count(sa.case((_t.id <= sa.bindparam("mark"), 1))),
).where(_OPEN)
# A row that failed and waits for its next try, or for its card, does not wait for us.
_OURS = sa.and_(_OPEN, _t.failures == 0, sa.or_(_t.state == RUNNING, _t.due <= sa.bindparam("now")))
_FIRST = sa.select(_t.received_at).where(_t.id >= sa.bindparam("first"), _OURS).order_by(_t.id).limit(1)
_AHEAD = sa.select(sa.func.count()).where(_OPEN, _t.id <= sa.bindparam("after"))
_BEHIND = (
    sa.select(_t.id, _t.platform, _t.app, _t.kind, _t.key, _t.payload, _t.lane)
    .where(_t.id > sa.bindparam("after"), _t.received_at <= sa.bindparam("until"), _OURS)
    .order_by(_t.id)
    .limit(sa.bindparam("limit"))
)


@dataclass(frozen=True)
class Backlog:
    """`depth` rows are not done; the first of them that could be worked on came at `oldest`. `first` and `newest`: the
    lowest and the highest id, 0 without rows. `left`: how many up to the given mark are not done."""

    depth: int
    oldest: datetime | None
    first: int
    newest: int
    left: int


@dataclass(frozen=True)
class Waiter:
    """A row that waits, with about `ahead` rows before it."""

    id: int
    platform: str
    app: str
    kind: str
    key: str
    payload: bytes
    lane: str
    ahead: int


async def look(engines: Engines, now: datetime, mark: int, expected: int) -> Backlog:
    """The backlog; `expected` rows about, which decides how it is counted."""

    def run(connection: Connection) -> Backlog:
        depth, first, newest, left = connection.execute(_COUNT, {"mark": mark}).one()
        oldest = None
        if depth:
            given = {"first": first, "now": to_micros(now)}
            oldest = maybe_instant(connection.execute(_FIRST, given).scalar())
        return Backlog(int(depth), oldest, int(first or 0), int(newest or 0), int(left))

    return await (engines.scan if expected > _MANY else engines.read)(run)


async def waiters(engines: Engines, after: int, until: datetime, now: datetime, limit: int) -> list[Waiter]:
    """Rows behind the row `after` that came at `until` or before, in the order in which they came."""

    def run(connection: Connection) -> list[Waiter]:
        ahead = int(connection.execute(_AHEAD, {"after": after}).scalar_one())
        given = {"after": after, "until": to_micros(until), "now": to_micros(now), "limit": limit}
        rows = connection.execute(_BEHIND, given).all()
        return [
            Waiter(r.id, r.platform, r.app, r.kind, r.key, r.payload, r.lane, ahead + n)
            for n, r in enumerate(rows)
        ]

    return await engines.scan(run)
