"""The feed of changed orders, written in the transaction that stores the order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from domain.watching import OrderChange
from storage.engines import Engines
from storage.instants import from_micros, maybe_instant, to_micros
from storage.pending import Pending
from storage.tables import order_changes as table

_t = table.c
_OLDEST = sa.select(_t.at).order_by(_t.at).limit(1)
_TAKE = sa.select(_t.order_id, _t.at).order_by(_t.at, _t.order_id).limit(sa.bindparam("some"))
_DONE = sa.delete(table).where(_t.order_id == sa.bindparam("id"), _t.at == sa.bindparam("seen"))


class SqlOrderChanges:
    """`domain.watching.OrderChanges` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending

    async def take(self, limit: int) -> Sequence[OrderChange]:
        rows = await self._engines.read(lambda c: c.execute(_TAKE, {"some": limit}).all())
        return [OrderChange(row.order_id, from_micros(row.at)) for row in rows]

    async def oldest(self) -> datetime | None:
        return maybe_instant(await self._engines.read(lambda c: c.execute(_OLDEST).scalar()))

    def done(self, changes: Sequence[OrderChange]) -> None:
        rows = [{"id": change.order_id, "seen": to_micros(change.at)} for change in changes]
        if rows:
            self._pending.later["order_changes.done", rows[0]["id"]] = lambda c, _now: _remove(c, rows)

    def again(self, order_ids: Sequence[int]) -> None:
        if order_ids:
            self._pending.later["order_changes.again", order_ids[0]] = lambda c, now: note(c, order_ids, now)


def note(connection: Connection, order_ids: Collection[int], now: int) -> None:
    """These orders have changed at `now` (microseconds)."""
    if not order_ids:
        return
    rows = [{"order_id": order_id, "at": now} for order_id in sorted(order_ids)]
    connection.execute(_noting(connection.dialect.name), rows)


@cache
def _noting(dialect: str) -> sa.Insert:
    insert = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    # Later than what a reader may have seen, or its `done` would take this change off as well.
    later = sa.case((insert.excluded.at > _t.at, insert.excluded.at), else_=_t.at + 1)
    made: sa.Insert = insert.on_conflict_do_update(index_elements=["order_id"], set_={"at": later})
    return made


def _remove(connection: Connection, rows: Sequence[dict[str, int]]) -> None:
    connection.execute(_DONE, list(rows))
