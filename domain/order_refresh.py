"""Reading an order again at its shop, and finding one the desk has never seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.audit import AuditEntry
from domain.order import Order
from domain.order_states import merge
from domain.ports import NotFound, ShopConnector, UnitOfWork
from domain.refund_request import order_subject


async def store_copy(uow: UnitOfWork, fresh: Order, now: datetime) -> Order:
    """Keep the shop's present copy of an order (authoritative) and tell its cards. Caller commits."""
    known = await uow.orders.by_key(fresh.key)
    if known is None:
        uow.orders.save(fresh)
        return fresh
    kept = merge(known, fresh, authoritative=True)
    if kept is None:
        return known
    uow.orders.save(kept)
    details: dict[str, object] = {"from": str(known.state), "to": str(kept.state), "version": kept.version}
    subject = order_subject(known.id)
    uow.audit(
        AuditEntry(
            now, f"shop:{fresh.key.shop_code}", "shop", "order.updated", subject, uow.trace_id, details
        )
    )
    uow.touch(subject)
    return kept


async def find_at_shops(shops: Sequence[ShopConnector], number: str) -> Order | None:
    """The first shop that knows this platform order id; errors other than NotFound go to the caller."""
    for shop in shops:
        try:
            return await shop.get_order(number)
        except NotFound:
            continue
    return None
