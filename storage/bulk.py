"""Many orders at once: imports and pulls. The newer version wins, and repeating a call changes nothing."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping
from sqlalchemy.dialects.postgresql import ARRAY

from domain.audit import AuditEntry
from domain.chat import SubjectRef
from domain.intake import IntakeCount
from domain.order import Order, OrderKey
from domain.order_states import ENDED, merge
from domain.ports import Conflict
from storage import audit_rows, order_changes, order_rows, outgoing_rows, receivers
from storage.among import among
from storage.database import Database
from storage.instants import to_micros
from storage.many import insert_many
from storage.orders import replace_refs, write_refs
from storage.secrets import DataKeys
from storage.subject_lock import hold_changed
from storage.tables import orders as table
from storage.tables import sent_cards

_CHUNK = 1000  # orders a transaction: an acknowledgement behind it waits some tens of milliseconds at most
_TRIES = 3  # PostgreSQL: somebody else may insert the same new order first

# PostgreSQL, told not to walk through a whole shop for a thousand keys: LIMIT keeps it one search a key.
_LOOK_EACH_UP = sa.text(
    """
    SELECT wanted.number, known.id, known.version
    FROM unnest(:numbers) AS wanted (number), LATERAL (
      SELECT id, version FROM orders
      WHERE shop_code = :shop_code AND platform_order_id = wanted.number LIMIT 1
    ) AS known
    """
).bindparams(sa.bindparam("numbers", type_=ARRAY(sa.Text)))

Rows = Mapping[OrderKey, dict[str, Any]]
Newest = dict[OrderKey, Order]


class BulkIntake:
    """`domain.intake.OrderIntake` on this database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def store(self, orders: Sequence[Order], *, source: str, trace_id: str = "") -> IntakeCount:
        return await upsert_orders(self._db, orders, source=source, trace_id=trace_id)


async def upsert_orders(
    db: Database, orders: Sequence[Order], *, source: str, trace_id: str = ""
) -> IntakeCount:
    """Insert or replace by (shop, platform order id) where `version` is newer; `domain.order_states.merge`
    says what survives. Live cards of changed orders are refreshed, and one audit row sums the call up.

    `source` is the audit's actor (`shop:<code>`, `import`). A chunk is one transaction; when one fails, the
    chunks before it stay, and the call may be repeated as a whole.
    """
    trace_id = trace_id or f"bulk-{secrets.token_hex(6)}"
    total = IntakeCount()
    async for newest, rows in _encoded(orders, db.keys):
        total += await _upsert_chunk(db, newest, rows, trace_id)
    total = replace(total, unchanged=len(orders) - total.inserted - total.updated)
    if total.inserted or total.updated:
        entry = _summary(db, orders, total, source, trace_id)
        await db.write(lambda connection: audit_rows.append(connection, [entry]))
    return total


async def _encoded(orders: Sequence[Order], keys: DataKeys) -> AsyncIterator[tuple[Newest, Rows]]:
    """The orders in chunks, each ready to be written. Encrypting is half of the work: it is done off the
    event loop, for the next chunk while the last one is being written."""
    ahead: asyncio.Task[Rows] | None = None
    newest: Newest = {}
    try:
        for start in range(0, len(orders), _CHUNK):
            before, newest = newest, _newest(orders[start : start + _CHUNK])
            done = await ahead if ahead is not None else None
            ahead = asyncio.create_task(asyncio.to_thread(_encode, newest, keys))
            if done is not None:
                yield before, done
        if ahead is not None:
            yield newest, await ahead
    finally:
        if ahead is not None:
            await asyncio.wait([ahead])


def _newest(chunk: Sequence[Order]) -> Newest:
    """Of several copies of one order only the newest."""
    newest: Newest = {}
    for order in chunk:
        if order.key not in newest or order.version > newest[order.key].version:
            newest[order.key] = order
    return newest


async def _upsert_chunk(db: Database, newest: Newest, rows: Rows, trace_id: str) -> IntakeCount:
    now = to_micros(db.clock.now())
    write = partial(_write, orders=newest, rows=rows, keys=db.keys, trace_id=trace_id, now=now)
    for attempt in range(1, _TRIES + 1):
        try:
            inserted, updated, refreshed = await db.write(write)
        except Conflict:
            if attempt == _TRIES:
                raise
            continue
        if refreshed:
            db.outbox.wake.set()
        db.orders_changed.set()
        return IntakeCount(inserted, updated)
    raise AssertionError("the last try returns or raises")


def _encode(orders: Newest, keys: DataKeys) -> Rows:
    return {key: order_rows.to_row(order, keys) for key, order in orders.items()}


def _write(
    connection: Connection,
    *,
    orders: Mapping[OrderKey, Order],
    rows: Rows,
    keys: DataKeys,
    trace_id: str,
    now: int,
) -> tuple[int, int, int]:
    known = _versions(connection, orders)
    fresh = [key for key in orders if key not in known]
    newer = [known[key][0] for key, order in orders.items() if key in known and order.version > known[key][1]]
    _insert(connection, [orders[key] for key in fresh], rows, now)
    updated = _update(connection, newer, orders, keys) if newer else []
    order_changes.note(connection, updated, now)
    hold_changed(connection, [SubjectRef("order", str(order_id)) for order_id in updated])
    refreshed = sum(
        outgoing_rows.refresh_cards(connection, subject, trace_id, now, 0.0)
        for subject in _shown(connection, updated)
    )
    return len(fresh), len(updated), refreshed


def _versions(connection: Connection, keys: Collection[OrderKey]) -> dict[OrderKey, tuple[int, int]]:
    """(id, version) of those of these orders that are there."""
    found: dict[OrderKey, tuple[int, int]] = {}
    for shop_code in {key.shop_code for key in keys}:
        numbers = [key.platform_order_id for key in keys if key.shop_code == shop_code]
        for number, order_id, version in connection.execute(_known(connection, shop_code, numbers)):
            found[OrderKey(shop_code, number)] = (order_id, version)
    return found


def _known(connection: Connection, shop_code: str, numbers: list[str]) -> sa.Executable:
    t = table.c
    if connection.dialect.name == "postgresql":
        return _LOOK_EACH_UP.bindparams(shop_code=shop_code, numbers=numbers)
    return sa.select(t.platform_order_id, t.id, t.version).where(
        t.shop_code == shop_code, among(t.platform_order_id, numbers)
    )


def _insert(connection: Connection, orders: Sequence[Order], rows: Rows, now: int) -> None:
    if not orders:
        return
    insert_many(connection, table, [{"revision": 1, **rows[order.key]} for order in orders])
    found = [(order, ref) for order in orders for ref in order_rows.refs(order)]
    open_ones = [order.key for order in orders if order.state not in ENDED]
    if not found and not open_ones:
        return
    ids = _versions(connection, [order.key for order in orders])
    write_refs(connection, [(ids[order.key][0], ref) for order, ref in found])
    order_changes.note(connection, [ids[key][0] for key in open_ones], now)


def _update(
    connection: Connection, ids: Sequence[int], incoming: Mapping[OrderKey, Order], keys: DataKeys
) -> list[int]:
    """Replace these where the newer copy still wins; the ids of those that changed."""
    t = table.c
    current = sa.select(table).where(among(t.id, ids)).with_for_update()
    changes: list[dict[str, Any]] = []
    refs: dict[int, set[tuple[str, str]]] = {}
    for old in connection.execute(current).mappings().all():
        kept = _merged(old, incoming, keys)
        if kept is None:
            continue
        row = order_rows.to_row(kept, keys)
        receivers.keep_clear(row, old)
        changes.append({"b_id": old["id"], "revision": old["revision"] + 1, **row})
        refs[old["id"]] = order_rows.refs(kept)
    if changes:
        columns: dict[str, Any] = {name: sa.bindparam(name) for name in changes[0] if name != "b_id"}
        connection.execute(sa.update(table).where(t.id == sa.bindparam("b_id")).values(columns), changes)
        replace_refs(connection, refs)
    return list(refs)


def _merged(old: RowMapping, incoming: Mapping[OrderKey, Order], keys: DataKeys) -> Order | None:
    known = order_rows.from_row(old, keys)
    return merge(known, incoming[known.key], authoritative=True)


def _shown(connection: Connection, order_ids: Sequence[int]) -> list[SubjectRef]:
    """The subjects of those of these orders that live cards are about."""
    if not order_ids:
        return []
    t = sent_cards.c
    statement = (
        sa.select(t.subject_id)
        .where(
            t.subject_type == "order",
            among(t.subject_id, [str(order_id) for order_id in order_ids]),
            t.state == sa.literal_column("'live'"),
        )
        .distinct()
    )
    return [SubjectRef("order", subject_id) for subject_id in connection.execute(statement).scalars()]


def _summary(
    db: Database, orders: Sequence[Order], total: IntakeCount, source: str, trace_id: str
) -> AuditEntry:
    shops = Counter(order.key.shop_code for order in orders)
    details: dict[str, object] = {
        "inserted": total.inserted,
        "updated": total.updated,
        "unchanged": total.unchanged,
        "shops": dict(shops),
    }
    subject = SubjectRef("orders", ",".join(sorted(shops)[:20]))
    return AuditEntry(db.clock.now(), source, source, "orders.upserted", subject, trace_id, details)
