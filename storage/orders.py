"""Reading orders by every key people paste, and replacing one under its revision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from domain.order import Order, OrderKey
from domain.order_states import ENDED
from domain.ports import Conflict
from domain.refund import BuyerHistory
from storage import buyer_history, order_changes, order_rows, receivers
from storage.among import among
from storage.engines import Engines
from storage.many import insert_many
from storage.pending import Pending
from storage.prepared import select_by, update_where
from storage.secrets import DataKeys, clear_tail
from storage.tables import order_refs
from storage.tables import orders as table

_MAX_MATCHES = 200
_BY_ID = select_by(table, "id")
_BY_KEY = select_by(table, "shop_code", "platform_order_id")
_REFS = select_by(order_refs, "order_id").with_only_columns(order_refs.c.kind, order_refs.c.value)
_INSERT = sa.insert(table).returning(table.c.id)  # made once: forty values a time cost more than the sending
_REFERRING = sa.select(order_refs.c.order_id).where(
    order_refs.c.value == sa.bindparam("number"), order_refs.c.kind == sa.bindparam("kind")
)
_NUMBERED = sa.select(table.c.id).where(table.c.platform_order_id == sa.bindparam("number"))


def _newest(found: sa.Select[Any]) -> sa.Select[Any]:
    newest = (table.c.created_at.desc(), table.c.id.desc())
    return found.order_by(*newest).limit(sa.bindparam("most"))


# For every look-up: made once, for making them costs as much as asking.
_BY_NUMBER = _newest(sa.select(table).where(table.c.id.in_(_NUMBERED.union(_REFERRING))))
_BY_REF = _newest(sa.select(table).where(table.c.id.in_(_REFERRING)))
_BY_PHONE = _newest(select_by(table, "phone_tail", "phone_digest"))
_BY_TAIL = _newest(select_by(table, "phone_tail"))
_BY_NAME = _newest(select_by(table, "name_digest"))
_KEPT = select_by(table, "id", "revision").with_only_columns(*(table.c[name] for name in receivers.KEPT))


class SqlOrders:
    """`domain.ports.Orders` on SQL."""

    def __init__(self, engines: Engines, keys: DataKeys, pending: Pending) -> None:
        self._engines = engines
        self._keys = keys
        self._pending = pending

    async def get(self, order_id: int) -> Order | None:
        return await self._one(_BY_ID, {"id": order_id})

    async def get_many(self, order_ids: Sequence[int]) -> Sequence[Order]:
        statement = sa.select(table).where(among(table.c.id, order_ids))
        rows = await self._engines.read(_fetch(statement))
        found = {row["id"]: order_rows.from_row(row, self._keys) for row in rows}
        return [found[order_id] for order_id in order_ids if order_id in found]

    async def by_key(self, key: OrderKey) -> Order | None:
        given = {"shop_code": key.shop_code, "platform_order_id": key.platform_order_id}
        return await self._one(_BY_KEY, given)

    async def by_number(self, number: str, *, limit: int = 10) -> Sequence[Order]:
        return await self._many(_BY_NUMBER, {"number": number.strip(), "kind": order_rows.SUB}, limit)

    async def by_waybill(self, number: str, *, limit: int = 10) -> Sequence[Order]:
        given = {"number": order_rows.plain_waybill(number), "kind": order_rows.WAYBILL}
        return await self._many(_BY_REF, given, limit)

    async def by_phone(self, phone: str, *, limit: int = 10) -> Sequence[Order]:
        digest = self._keys.phone_digest(phone)
        if digest is None:
            return []
        return await self._many(_BY_PHONE, {"phone_tail": clear_tail(phone), "phone_digest": digest}, limit)

    async def by_phone_tail(self, tail: str, *, limit: int = 10) -> Sequence[Order]:
        return await self._many(_BY_TAIL, {"phone_tail": tail.strip()}, limit)

    async def by_receiver_name(self, name: str, *, limit: int = 10) -> Sequence[Order]:
        digest = self._keys.name_digest(name)
        return [] if digest is None else await self._many(_BY_NAME, {"name_digest": digest}, limit)

    async def buyer_history(self, shop_code: str, buyer_id: str, since: datetime) -> BuyerHistory:
        if not buyer_id:
            return BuyerHistory(0, 0, {"buyer": "unknown"})
        return await self._engines.scan(
            partial(buyer_history.read, shop_code=shop_code, buyer_id=buyer_id, since=since)
        )

    def save(self, order: Order) -> None:
        self._pending.orders[order.key] = order

    async def _one(self, statement: sa.Select[Any], given: Mapping[str, object]) -> Order | None:
        row = await self._engines.read(lambda c: c.execute(statement, given).mappings().first())
        return None if row is None else order_rows.from_row(row, self._keys)

    async def _many(self, statement: sa.Select[Any], given: Mapping[str, object], limit: int) -> list[Order]:
        """Newest first."""
        asked = {**given, "most": min(limit, _MAX_MATCHES)}
        rows = await self._engines.scan(lambda c: c.execute(statement, asked).mappings().all())
        return [order_rows.from_row(row, self._keys) for row in rows]


def write_order(connection: Connection, order: Order, keys: DataKeys, now: int) -> int:
    """Insert (id 0) or replace under the revision; the order's id. Conflict when somebody was first."""
    row = order_rows.to_row(order, keys)
    if order.id == 0:
        order_id = int(connection.execute(_INSERT, {"revision": 1, **row}).scalar_one())
        write_refs(connection, [(order_id, ref) for ref in order_rows.refs(order)])
        if order.state not in ENDED:
            order_changes.note(connection, [order_id], now)
        return order_id
    guards = {"id": order.id, "revision": order.revision}
    old = connection.execute(_KEPT, guards).mappings().first()
    if old is None:
        raise Conflict(f"order {order.key} is no longer at revision {order.revision}")
    receivers.keep_clear(row, old)
    if not update_where(connection, table, guards, {"revision": order.revision + 1, **row}):
        raise Conflict(f"order {order.key} is no longer at revision {order.revision}")
    wanted = order_rows.refs(order)
    if {(kind, value) for kind, value in connection.execute(_REFS, {"order_id": order.id})} != wanted:
        replace_refs(connection, {order.id: wanted})
    order_changes.note(connection, [order.id], now)
    return order.id


def write_refs(connection: Connection, found: Sequence[tuple[int, tuple[str, str]]]) -> None:
    rows = [{"order_id": order_id, "kind": kind, "value": value} for order_id, (kind, value) in found]
    insert_many(connection, order_refs, rows)


def replace_refs(connection: Connection, wanted: dict[int, set[tuple[str, str]]]) -> None:
    """Make the further numbers of these orders exactly these, touching only what differs."""
    t = order_refs.c
    rows = connection.execute(sa.select(t.order_id, t.kind, t.value).where(among(t.order_id, wanted)))
    present: dict[int, set[tuple[str, str]]] = {order_id: set() for order_id in wanted}
    for order_id, kind, value in rows:
        present[order_id].add((kind, value))
    for order_id, refs in wanted.items():
        for kind, value in present[order_id] - refs:
            gone = sa.and_(t.order_id == order_id, t.kind == kind, t.value == value)
            connection.execute(sa.delete(order_refs).where(gone))
    fresh = [(order_id, ref) for order_id, refs in wanted.items() for ref in refs - present[order_id]]
    write_refs(connection, fresh)


def _fetch(statement: sa.Select[Any]) -> Callable[[Connection], Sequence[RowMapping]]:
    return lambda connection: connection.execute(statement).mappings().all()
