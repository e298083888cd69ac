"""Refund requests of the desk, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from domain.money import Money
from domain.order import MoneyState, OrderKey, RefundProcess
from domain.ports import Conflict
from domain.refund import ApprovalDecision, Refund, RuleFired
from storage.among import among
from storage.engines import Engines
from storage.instants import from_micros, maybe_instant, maybe_micros, to_micros
from storage.pending import Pending
from storage.prepared import select_by, update_where
from storage.tables import refunds as table
from storage.texts import storable

_BY_NUMBER = select_by(table, "number")
_OF_ORDER = select_by(table, "order_id").order_by(table.c.requested_at, table.c.number)
_APPLIED = (
    sa.select(table)
    .where(table.c.process == sa.literal_column("'applied'"))  # spelt out, so that the partial index is used
    .order_by(table.c.requested_at)
    .limit(sa.bindparam("some"))
)
_INSERT = sa.insert(table)


class SqlRefunds:
    """`domain.ports.Refunds` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending

    async def get(self, number: str) -> Refund | None:
        found = await self._select(_BY_NUMBER, {"number": number})
        return found[0] if found else None

    async def of_order(self, order_id: int) -> Sequence[Refund]:
        """Oldest first."""
        return await self._select(_OF_ORDER, {"order_id": order_id})

    async def applied(self, limit: int) -> Sequence[Refund]:
        return await self._select(_APPLIED, {"some": limit})

    async def bound_ids(self, shop_code: str, platform_refund_ids: Sequence[str]) -> frozenset[str]:
        wanted = [refund_id for refund_id in platform_refund_ids if refund_id]
        if not wanted:
            return frozenset()
        t = table.c
        statement = sa.select(t.platform_refund_id).where(
            t.shop_code == shop_code, among(t.platform_refund_id, wanted), t.platform_refund_id != ""
        )
        return frozenset(await self._engines.read(lambda c: c.execute(statement).scalars().all()))

    def save(self, refund: Refund) -> None:
        self._pending.refunds[refund.number] = refund

    async def _select(self, statement: sa.Select[Any], given: Mapping[str, object]) -> list[Refund]:
        rows = await self._engines.read(lambda c: c.execute(statement, given).mappings().all())
        return [_from_row(row) for row in rows]


def write_refund(connection: Connection, refund: Refund) -> None:
    """Insert (revision 0) or replace under the revision; Conflict when somebody was first."""
    row = _to_row(refund)
    if refund.revision == 0:
        connection.execute(_INSERT, row)
        return
    guards = {"number": refund.number, "revision": refund.revision}
    if not update_where(connection, table, guards, row):
        raise Conflict(f"refund {refund.number} is no longer at revision {refund.revision}")


def _to_row(refund: Refund) -> dict[str, Any]:
    rule = refund.rule
    return {
        "number": refund.number,
        "order_id": refund.order_id,
        "shop_code": refund.order_key.shop_code,
        "platform_order_id": refund.order_key.platform_order_id,
        "amount": refund.amount.minor,
        "currency": refund.amount.currency,
        "reason": storable(refund.reason),
        "requester": refund.requester,
        "requester_name": refund.requester_name,
        "requested_at": to_micros(refund.requested_at),
        "process": refund.process.value,
        "money": refund.money.value,
        "rule": orjson.dumps([rule.rule, rule.settings_version, dict(rule.facts)]).decode(),
        "decisions": orjson.dumps(refund.decisions).decode(),
        "platform_refund_id": refund.platform_refund_id,
        "waiting": refund.waiting,
        "outcome": storable(refund.outcome),
        "finished_at": maybe_micros(refund.finished_at),
        "trace_id": refund.trace_id,
        "revision": refund.revision + 1,
    }


def _from_row(row: RowMapping) -> Refund:
    return Refund(
        number=row["number"],
        order_id=row["order_id"],
        order_key=OrderKey(row["shop_code"], row["platform_order_id"]),
        amount=Money(row["amount"], row["currency"]),
        reason=row["reason"],
        requester=row["requester"],
        requester_name=row["requester_name"],
        requested_at=from_micros(row["requested_at"]),
        process=RefundProcess(row["process"]),
        money=MoneyState(row["money"]),
        rule=RuleFired(*orjson.loads(row["rule"])),
        trace_id=row["trace_id"],
        decisions=tuple(_decision(d) for d in orjson.loads(row["decisions"])),
        platform_refund_id=row["platform_refund_id"],
        waiting=row["waiting"],
        outcome=row["outcome"],
        finished_at=maybe_instant(row["finished_at"]),
        revision=row["revision"],
    )


def _decision(data: Mapping[str, Any]) -> ApprovalDecision:
    return ApprovalDecision(
        actor=data["actor"],
        actor_name=data["actor_name"],
        verdict=data["verdict"],
        reason=data["reason"],
        at=datetime.fromisoformat(data["at"]),
        origin=data["origin"],
    )
