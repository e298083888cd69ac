"""How many orders and refunds a buyer has had lately, in all shops, for the auto-approval rule.

A buyer is known in a shop by the platform's open id, which says nothing in the next shop. The receiver's full
phone number does: orders to a number that this buyer has used count as this buyer's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from domain.order import RefundProcess, ShopRefund
from domain.refund import BuyerHistory
from storage.among import among
from storage.instants import to_micros
from storage.order_rows import shop_refunds
from storage.tables import orders, refunds

_MAX_ORDERS = 2000  # a buyer with more is a dealer; the newest decide
_MAX_NUMBERS = 50


def read(connection: Connection, *, shop_code: str, buyer_id: str, since: datetime) -> BuyerHistory:
    rows = _orders_of(connection, shop_code, buyer_id)
    recent = sum(1 for row in rows if row.created_at >= to_micros(since))
    desk, bound = _desk_refunds(connection, [row.id for row in rows], since)
    shop = sum(
        1
        for row in rows
        if row.refund_count
        for refund in shop_refunds(row.refunds)
        if (row.shop_code, refund.platform_refund_id) not in bound and _counts(refund, row.created_at, since)
    )
    facts = {"orders": str(recent), "desk_refunds": str(desk), "shop_refunds": str(shop)}
    return BuyerHistory(recent, desk + shop, facts)


def _orders_of(connection: Connection, shop_code: str, buyer_id: str) -> list[Any]:
    t = orders.c
    columns = (t.id, t.shop_code, t.created_at, t.phone_tail, t.phone_digest, t.refund_count, t.refunds)
    mine = sa.and_(t.shop_code == shop_code, t.buyer_id == buyer_id)
    own = connection.execute(_newest(columns, mine)).all()
    numbers = list({(row.phone_tail, row.phone_digest) for row in own if row.phone_digest})[:_MAX_NUMBERS]
    if not numbers:
        return list(own)
    known = {row.id for row in own}
    same = [sa.and_(t.phone_tail == tail, t.phone_digest == digest) for tail, digest in numbers]
    others = connection.execute(_newest(columns, sa.or_(*same))).all()
    return [*own, *(row for row in others if row.id not in known)]


def _newest(columns: tuple[sa.Column[Any], ...], condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(*columns).where(condition).order_by(orders.c.created_at.desc()).limit(_MAX_ORDERS)


def _desk_refunds(
    connection: Connection, order_ids: list[int], since: datetime
) -> tuple[int, set[tuple[str, str]]]:
    """How many requests of the desk count, and the shop refunds that belong to any request."""
    t = refunds.c
    statement = sa.select(t.shop_code, t.platform_refund_id, t.process, t.requested_at)
    count, bound = 0, set()
    for start in range(0, len(order_ids), 500):
        for row in connection.execute(statement.where(among(t.order_id, order_ids[start : start + 500]))):
            if row.platform_refund_id:
                bound.add((row.shop_code, row.platform_refund_id))
            if row.process != RefundProcess.REFUSED and row.requested_at >= to_micros(since):
                count += 1
    return count, bound


def _counts(refund: ShopRefund, order_created: int, since: datetime) -> bool:
    if refund.process is RefundProcess.REFUSED:
        return False
    if refund.modified_at is None:
        return order_created >= to_micros(since)
    return refund.modified_at >= since
