"""A verified push into the desk: known, kept, and what it means (platforms.md §11.7–11.10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.audit import AuditEntry
from domain.chat import SubjectRef
from domain.order import Order
from domain.order_states import merge
from domain.outbox import Effect
from domain.ports import PushEvent, ShopCapabilities, UnitOfWork, Unreadable
from domain.refund_request import order_subject
from domain.sync import Push, PushState, Quarantined
from domain.sync_border import refusal, warning
from domain.sync_intake import MAX_RAW, clear, hold

READ = "push.read"  # the effect that reads the order again


class Heard(StrEnum):
    """What became of one event of a push."""

    NEW = "new"
    KNOWN = "known"
    STORED = "stored"  # its whole order came with it
    HELD = "held"  # its whole order came with it and did not get past the border
    IDLE = "idle"  # it tells of no order


@dataclass(frozen=True)
class Hearing:
    """The shop it came from and the moment."""

    shop_code: str
    caps: ShopCapabilities
    now: datetime


async def hear(uow: UnitOfWork, event: PushEvent, at: Hearing, *, again: bool) -> Heard:
    """Write the event down with what is to be done about it; the caller commits, and only then answers.

    A Conflict at commit means that the event was heard before, or that its order has changed meanwhile: the caller
    decides once more, `again`. The first time an event is taken for new, as nearly all are; its key in storage says.
    """
    if again and await uow.sync.push(at.shop_code, event.key) is not None:
        return Heard.KNOWN
    outcome = await _meaning(uow, event, at)
    settled = {Heard.NEW: PushState.WAITING, Heard.IDLE: PushState.LEFT}.get(outcome, PushState.DONE)
    uow.sync.save_push(Push(at.shop_code, event.key, event.kind, event.order_id, at.now, settled))
    return outcome


async def _meaning(uow: UnitOfWork, event: PushEvent, at: Hearing) -> Heard:
    if isinstance(event.raw_order, Unreadable):
        one = event.raw_order
        raw = one.raw[:MAX_RAW]
        await hold(uow, Quarantined(at.shop_code, one.platform_order_id, one.reason, raw, at.now, at.now))
        return Heard.HELD
    if event.raw_order is not None:
        return await _believe(uow, event, event.raw_order, at)
    if not event.order_id:
        return Heard.IDLE
    _read_later(uow, event, at)
    return Heard.NEW


async def _believe(uow: UnitOfWork, event: PushEvent, order: Order, at: Hearing) -> Heard:
    """The push is the order: newer wins, and a step back is never taken from a push."""
    order_id = order.key.platform_order_id
    if why := refusal(order, at.shop_code, at.now):
        await hold(uow, Quarantined(at.shop_code, order_id, why, order.raw[:MAX_RAW], at.now, at.now))
        return Heard.HELD
    if unsure := warning(order):
        await hold(uow, Quarantined(at.shop_code, order_id, unsure, "", at.now, at.now, warning=True))
    else:
        await clear(uow, at.shop_code, order_id, "推送", at.now)
    known = await uow.orders.by_key(order.key)
    if known is None:
        uow.orders.save(order)
        _audit(uow, SubjectRef("orders", at.shop_code), "order.added", order, at)
        return Heard.STORED
    kept = merge(known, order, authoritative=False)
    if kept is not None:
        uow.orders.save(kept)
        _audit(uow, order_subject(known.id), "order.updated", order, at)
        uow.touch(order_subject(known.id))
    elif order.version > known.version and at.caps.pulls:
        _read_later(uow, event, at)  # newer, and a step back: only the shop itself can say so
        return Heard.NEW
    return Heard.STORED


def _audit(uow: UnitOfWork, subject: SubjectRef, action: str, order: Order, at: Hearing) -> None:
    details: dict[str, object] = {"order": str(order.key), "to": str(order.state), "version": order.version}
    actor = f"push:{at.shop_code}"
    uow.audit(AuditEntry(at.now, actor, "push", action, subject, uow.trace_id, details))


def _read_later(uow: UnitOfWork, event: PushEvent, at: Hearing) -> None:
    """Reading at once would find the state of before: what changed shows after the platform's lag."""
    args = {"shop": at.shop_code, "key": event.key, "order": event.order_id}
    subject = SubjectRef("push", f"{at.shop_code}/{event.order_id}")
    due = at.now + timedelta(seconds=at.caps.lag_seconds)
    uow.send(Effect(READ, subject, args), key=f"{READ}.{at.shop_code}.{event.key}", due=due)
