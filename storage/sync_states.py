"""How far each shop is pulled, pushes that came, orders in quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping
from sqlalchemy.dialects import postgresql, sqlite

from domain.order import OrderKey
from domain.ports import Conflict
from domain.sync import Push, PushState, Quarantined, ShopSync, quarantine_id
from storage import sync_rows
from storage.engines import Engines
from storage.instants import to_micros
from storage.pending import Pending
from storage.prepared import select_by, update_where
from storage.secrets import DataKeys
from storage.sync_tables import sync_pushes, sync_quarantine, sync_shops
from storage.tables import orders

_SHOP = select_by(sync_shops, "shop_code")
_HELD = select_by(sync_quarantine, "id")
_PUSH = select_by(sync_pushes, "shop_code", "event_key")
_q, _o = sync_quarantine.c, orders.c
_OPEN = _q.state == sa.literal_column("'open'")  # as the partial index says it


class SqlSyncStates:
    """`domain.sync.SyncStates` on SQL."""

    def __init__(self, engines: Engines, keys: DataKeys, pending: Pending) -> None:
        self._engines = engines
        self._keys = keys
        self._pending = pending

    async def shop(self, shop_code: str) -> ShopSync:
        row = await self._one(_SHOP, {"shop_code": shop_code})
        return ShopSync(shop_code) if row is None else sync_rows.shop_of(row)

    async def shops(self) -> Sequence[ShopSync]:
        statement = sa.select(sync_shops).order_by(sync_shops.c.shop_code)
        rows = await self._engines.scan(lambda c: c.execute(statement).mappings().all())
        return [sync_rows.shop_of(row) for row in rows]

    def save_shop(self, state: ShopSync) -> None:
        guards = {"shop_code": state.shop_code, "revision": state.revision}
        self._later(("sync.shop", state.shop_code), sync_shops, guards, sync_rows.shop_row(state))

    async def held(self, quarantine_id: str) -> Quarantined | None:
        row = await self._one(_HELD, {"id": quarantine_id})
        return None if row is None else sync_rows.held_of(row, self._keys)

    async def held_order(self, key: OrderKey) -> Quarantined | None:
        return await self.held(quarantine_id(key.shop_code, key.platform_order_id))

    async def all_held(
        self, *, shop_code: str = "", limit: int = 20, offset: int = 0
    ) -> Sequence[Quarantined]:
        statement = sa.select(sync_quarantine).where(_OPEN)
        if shop_code:
            statement = statement.where(_q.shop_code == shop_code)
        statement = statement.order_by(_q.last_seen.desc(), _q.id).limit(limit).offset(offset)
        rows = await self._engines.scan(lambda c: c.execute(statement).mappings().all())
        return [sync_rows.held_of(row, self._keys) for row in rows]

    async def held_counts(self) -> Mapping[str, int]:
        statement = sa.select(_q.shop_code, sa.func.count()).where(_OPEN).group_by(_q.shop_code)
        rows = await self._engines.scan(lambda c: c.execute(statement).all())
        return {str(shop): int(count) for shop, count in rows}

    async def held_ids(self, shop_code: str, limit: int = 10_000) -> frozenset[str]:
        statement = sa.select(_q.platform_order_id).where(_OPEN, _q.shop_code == shop_code).limit(limit)
        return frozenset(await self._engines.read(lambda c: c.execute(statement).scalars().all()))

    def hold(self, item: Quarantined) -> None:
        guards = {"id": item.id, "revision": item.revision}
        self._later(("sync.held", item.id), sync_quarantine, guards, sync_rows.held_row(item, self._keys))

    async def push(self, shop_code: str, key: str) -> Push | None:
        row = await self._one(_PUSH, {"shop_code": shop_code, "event_key": key})
        return None if row is None else sync_rows.push_of(row)

    def save_push(self, push: Push) -> None:
        guards = {"shop_code": push.shop_code, "event_key": push.key, "revision": push.revision}
        what = ("sync.push", push.shop_code, push.key)
        self._later(what, sync_pushes, guards, sync_rows.push_row(push))

    def forget_pushes(self, before: datetime) -> None:
        t, limit = sync_pushes.c, to_micros(before)
        old = sa.delete(sync_pushes).where(t.received_at < limit, t.state != PushState.WAITING.value)
        self._pending.later["sync.forget"] = lambda connection, _now: _run(connection, old)

    async def count_modified(self, shop_code: str, start: datetime, end: datetime) -> int:
        statement = sa.select(sa.func.count()).where(*_modified(shop_code, start, end))
        return int(await self._engines.scan(lambda c: c.execute(statement).scalar_one()))

    async def modified_ids(self, shop_code: str, start: datetime, end: datetime, limit: int) -> Sequence[str]:
        statement = sa.select(_o.platform_order_id).where(*_modified(shop_code, start, end)).limit(limit)
        return list(await self._engines.scan(lambda c: c.execute(statement).scalars().all()))

    async def came_since(self, since: datetime) -> Mapping[str, int]:
        """An order placed since was also changed since: that is what the index knows."""
        moment = to_micros(since)
        statement = (
            sa.select(_o.shop_code, sa.func.count())
            .where(_o.shop_code.in_(sa.select(sync_shops.c.shop_code)))
            .where(_o.modified_at >= moment, _o.created_at >= moment)
            .group_by(_o.shop_code)
        )
        rows = await self._engines.scan(lambda c: c.execute(statement).all())
        return {str(shop): int(count) for shop, count in rows}

    async def _one(self, statement: sa.Select[Any], given: Mapping[str, object]) -> RowMapping | None:
        return await self._engines.read(lambda c: c.execute(statement, given).mappings().first())

    def _later(
        self, what: tuple[str, ...], table: sa.Table, guards: Mapping[str, object], row: Mapping[str, Any]
    ) -> None:
        self._pending.later[what] = lambda connection, _now: _write(connection, table, guards, row)


def _modified(shop_code: str, start: datetime, end: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _o.shop_code == shop_code,
        _o.modified_at >= to_micros(start),
        _o.modified_at < to_micros(end),
    )


def _write(
    connection: Connection, table: sa.Table, guards: Mapping[str, object], row: Mapping[str, Any]
) -> None:
    """Insert (revision 0) or replace under the revision; Conflict when somebody was first."""
    if guards["revision"]:
        written = update_where(connection, table, guards, row)
    else:
        written = connection.execute(_insert(table, connection.dialect.name), dict(row)).rowcount == 1
    if not written:
        raise Conflict(f"{table.name} {dict(guards)} has changed")


@cache
def _insert(table: sa.Table, dialect: str) -> sa.Insert:
    """Made once: it runs for every push."""
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return insert.on_conflict_do_nothing()


def _run(connection: Connection, statement: sa.Delete) -> None:
    connection.execute(statement)
