"""Exceptions as rows, what they are raised from besides orders, and stock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from domain.chat import SubjectRef
from domain.exception import CLOSED, OPEN, DeadEffect, OrderException, StockLevel
from domain.order import OrderState
from domain.outbox import Effect
from domain.ports import Conflict
from storage.among import among
from storage.engines import Engines
from storage.exception_tables import exceptions as table
from storage.exception_tables import stock
from storage.instants import from_micros, maybe_instant, maybe_micros, to_micros
from storage.items import DEAD, READY
from storage.outgoing_codec import decode_body
from storage.pending import Pending
from storage.prepared import select_by, update_where
from storage.tables import orders, outbox
from storage.texts import storable

_t, _o, _s = table.c, orders.c, stock.c
_BY_NUMBER = select_by(table, "number")
_OF_SUBJECT = select_by(table, "subject_type", "subject_id", "state")
_INSERT = sa.insert(table)
_SINCE = sa.case(
    (_o.state == OrderState.SHIPPED.value, sa.func.coalesce(_o.shipped_at, _o.modified_at, _o.created_at)),
    else_=sa.func.coalesce(_o.modified_at, _o.paid_at, _o.created_at),
)


class SqlExceptions:
    """`domain.exception.Exceptions` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending

    async def get(self, number: str) -> OrderException | None:
        found = await self._select(_BY_NUMBER, {"number": number})
        return found[0] if found else None

    async def open_of(self, subject: SubjectRef) -> Sequence[OrderException]:
        given = {"subject_type": subject.type, "subject_id": subject.id, "state": OPEN}
        return await self._select(_OF_SUBJECT, given)

    async def with_open(self, subject_type: str, ids: Sequence[str]) -> Collection[str]:
        wanted = (_t.subject_type == subject_type, among(_t.subject_id, ids), _t.state == OPEN)
        statement = sa.select(_t.subject_id).where(*wanted)
        return frozenset(await self._engines.read(lambda c: c.execute(statement).scalars().all()))

    async def closed_of(self, subject: SubjectRef) -> Sequence[OrderException]:
        given = {"subject_type": subject.type, "subject_id": subject.id, "state": CLOSED}
        found = await self._select(_OF_SUBJECT.order_by(_t.closed_at), given)
        return list({item.kind: item for item in found}.values())

    async def page(
        self, kinds: Sequence[str], *, limit: int = 5, offset: int = 0, subject_type: str = ""
    ) -> tuple[Sequence[OrderException], int]:
        wanted = [_t.state == OPEN, among(_t.kind, kinds)]
        if subject_type:
            wanted.append(_t.subject_type == subject_type)
        rows = (
            sa.select(table).where(*wanted).order_by(_t.red.desc(), _t.raised_at).limit(limit).offset(offset)
        )
        count = sa.select(sa.func.count()).select_from(table).where(*wanted)
        found = await self._select(rows, {})
        return found, int(await self._engines.read(lambda c: c.execute(count).scalar_one()))

    async def raised_since(self, kind: str, since: datetime) -> int:
        wanted = (_t.state == OPEN, _t.kind == kind, _t.raised_at >= to_micros(since))
        count = sa.select(sa.func.count()).select_from(table).where(*wanted)
        return int(await self._engines.read(lambda c: c.execute(count).scalar_one()))

    async def orders_concerned(self, start: datetime, end: datetime) -> int:
        wanted = (_t.subject_type == "order", _t.raised_at >= to_micros(start), _t.raised_at < to_micros(end))
        count = sa.select(sa.func.count(sa.distinct(_t.subject_id))).where(*wanted)
        return int(await self._engines.scan(lambda c: c.execute(count).scalar_one()))

    async def counts(self) -> Mapping[str, int]:
        statement = sa.select(_t.kind, sa.func.count()).where(_t.state == OPEN).group_by(_t.kind)
        rows = await self._engines.read(lambda c: c.execute(statement).all())
        return {str(kind): int(count) for kind, count in rows}

    def save(self, item: OrderException) -> None:
        self._pending.later["exception", item.number] = lambda c, _now: _write(c, item)

    async def stuck_orders(self, state: OrderState, before: datetime, limit: int) -> Sequence[int]:
        known = sa.select(_t.subject_id).where(
            _t.subject_type == "order",
            _t.kind == "stuck",
            _t.state == OPEN,
            _t.subject_id == sa.cast(_o.id, sa.Text),
        )
        statement = (
            sa.select(_o.id)
            .where(_o.state == state.value, to_micros(before) >= _SINCE, ~known.exists())
            .limit(limit)
        )
        return list(await self._engines.scan(lambda c: c.execute(statement).scalars().all()))

    async def dead_effects(self, limit: int) -> Sequence[DeadEffect]:
        b = outbox.c
        known = sa.select(_t.subject_id).where(
            _t.subject_type == "outbox",
            _t.subject_id == sa.cast(b.id, sa.Text),
            sa.or_(_t.state == OPEN, _t.closed_at >= b.finished_at),  # given up again since is news again
        )
        statement = (
            sa.select(outbox)
            .where(b.state == sa.literal_column(f"'{DEAD}'"), b.lane.like("effect:%"), ~known.exists())
            .order_by(b.id)
            .limit(limit)
        )
        rows = await self._engines.scan(lambda c: c.execute(statement).all())
        return [found for row in rows if (found := _dead(row)) is not None]

    def revive(self, outbox_id: int) -> None:
        self._pending.later["outbox.revive", outbox_id] = lambda c, now: _revive(c, outbox_id, now)

    async def stock(self, skus: Sequence[str]) -> Sequence[StockLevel]:
        statement = sa.select(stock).where(among(_s.sku, skus)).order_by(_s.sku, _s.warehouse)
        return await self._levels(statement)

    async def low_stock(self, below: int, limit: int) -> Sequence[StockLevel]:
        sellable = _s.on_hand - _s.locked - _s.in_transfer
        statement = sa.select(stock).where(sellable < below).order_by(sellable, _s.sku).limit(limit)
        return await self._levels(statement)

    def keep_stock(self, levels: Sequence[StockLevel]) -> None:
        if levels:
            key = ("stock", levels[0].warehouse, levels[0].sku, len(levels))
            self._pending.later[key] = lambda c, now: _keep_stock(c, levels, now)

    async def _levels(self, statement: sa.Select[Any]) -> list[StockLevel]:
        rows = await self._engines.read(lambda c: c.execute(statement).all())
        return [StockLevel(row.warehouse, row.sku, row.on_hand, row.locked, row.in_transfer) for row in rows]

    async def _select(self, statement: sa.Select[Any], given: Mapping[str, object]) -> list[OrderException]:
        rows = await self._engines.read(lambda c: c.execute(statement, given).mappings().all())
        return [_from_row(row) for row in rows]


def _write(connection: Connection, item: OrderException) -> None:
    row = _to_row(item)
    if item.revision == 0:
        try:
            with connection.begin_nested():
                connection.execute(_INSERT, row)
        except IntegrityError as error:
            raise Conflict(f"{item.kind} of {item.subject.type}:{item.subject.id} is open already") from error
        return
    guards = {"number": item.number, "revision": item.revision}
    if not update_where(connection, table, guards, row):
        raise Conflict(f"exception {item.number} is no longer at revision {item.revision}")


def _to_row(item: OrderException) -> dict[str, Any]:
    return {
        "number": item.number,
        "kind": item.kind,
        "subject_type": item.subject.type,
        "subject_id": item.subject.id,
        "red": item.red,
        "facts": orjson.dumps(dict(item.facts)).decode(),
        "rule": item.rule,
        "settings_version": item.settings_version,
        "raised_at": to_micros(item.raised_at),
        "trace_id": item.trace_id,
        "label": item.label,
        "shop_code": item.shop_code,
        "region": item.region,
        "warehouse": item.warehouse,
        "owner": item.owner,
        "owner_name": item.owner_name,
        "state": item.state,
        "closed_at": maybe_micros(item.closed_at),
        "closed_by": item.closed_by,
        "reason": storable(item.reason),
        "revision": item.revision + 1,
    }


def _from_row(row: RowMapping) -> OrderException:
    same = ("number", "kind", "red", "rule", "settings_version", "trace_id", "label", "shop_code", "region")
    more = ("warehouse", "owner", "owner_name", "state", "closed_by", "reason", "revision")
    return OrderException(
        subject=SubjectRef(row["subject_type"], row["subject_id"]),
        facts=orjson.loads(row["facts"]),
        raised_at=from_micros(row["raised_at"]),
        closed_at=maybe_instant(row["closed_at"]),
        **{name: row[name] for name in (*same, *more)},
    )


def _dead(row: Any) -> DeadEffect | None:
    """None for a row this version cannot read: it is told of by the queue itself."""
    try:
        body = decode_body(row.body)
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(body, Effect):
        return None
    at = from_micros(row.finished_at or row.created_at)
    return DeadEffect(row.id, body.name, body.subject, row.error, at, row.trace_id, row.attempts)


def _revive(connection: Connection, outbox_id: int, now: int) -> None:
    values = {"state": READY, "due": now, "failures": 0, "finished_at": None, "error": ""}
    if not update_where(connection, outbox, {"id": outbox_id, "state": DEAD}, values):
        raise Conflict(f"outbox row {outbox_id} is not given up any more")


def _keep_stock(connection: Connection, levels: Sequence[StockLevel], now: int) -> None:
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(stock)
    numbers = ("on_hand", "locked", "in_transfer", "changed_at")
    statement = insert.on_conflict_do_update(
        index_elements=["warehouse", "sku"], set_={name: insert.excluded[name] for name in numbers}
    )
    rows = [
        {
            "warehouse": level.warehouse,
            "sku": level.sku,
            "on_hand": level.on_hand,
            "locked": level.locked,
            "in_transfer": level.in_transfer,
            "changed_at": now,
        }
        for level in levels
    ]
    connection.execute(statement, rows)
