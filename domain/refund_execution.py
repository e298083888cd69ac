"""Carrying an approved refund out at the shop, exactly once, whatever breaks on the way.

Where buyers apply, the desk refund is first bound to one application at the shop and that binding is committed.
From then on every try begins by asking the shop about that application. Where sellers start refunds, the desk's
number is the refund's key at the shop and every try begins by asking for a refund under that key. Either way a
lost answer or a killed process can never lead to a second payment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from domain.audit import AuditEntry
from domain.order import MoneyState, Order, RefundProcess, ShopRefund, TimelineEntry
from domain.outbox import Effect, Priority
from domain.ports import (
    ActionResult,
    AuthExpired,
    Conflict,
    RemoteUnknown,
    ShopConnector,
    ShopError,
    StartsRefunds,
    UnitOfWork,
)
from domain.refund import Refund
from domain.refund_request import order_subject, refund_subject

READ_ORDER_SECONDS = 5.0  # the shop's own books follow a moment after the money
WAIT_FOR_BUYER_SECONDS = 60.0
ASK_AGAIN_SECONDS = (3.0, 3.0, 10.0, 30.0, 60.0, 300.0)  # by try; the last one repeats
WAIT_FOR_CODE_SECONDS = 300.0


SHOP_PATIENCE = (
    2  # tries that a shop may leave unanswered before people are told that the refund waits for it
)

WAITING_WORDS = {
    "buyer": "已批准。请让买家在店铺提交 {amount} 的退款申请，提交后自动同意",
    "code": "已批准，但店铺要短信验证码。请到店铺后台确认这笔退款",
    "shop": "已批准。店铺现在连不上，恢复后自动退款，只退一次，不用再操作",
    "auth": "已批准，但店铺授权失效了。请管理员重新授权，之后自动退款",
}


class Finish(Protocol):
    """Marks the outbox row done in the same commit as the state it led to."""

    def __call__(self, uow: UnitOfWork, result: Mapping[str, object]) -> None: ...


@dataclass(frozen=True)
class Execution:
    """What one try needs. `open_work` makes a fresh unit of work under the refund's trace; `tell` adds a message
    to the requester to a unit of work; `attempt` counts the tries from 1."""

    number: str
    shop: ShopConnector
    open_work: Callable[[], UnitOfWork]
    now: Callable[[], datetime]
    finish: Finish
    tell: Callable[[UnitOfWork, Refund, str], None]
    attempt: int = 1


@dataclass(frozen=True)
class TryAgain:
    """The outcome is still open: try again after so many seconds, without counting a failure."""

    seconds: float
    why: str


async def execute_refund(job: Execution) -> TryAgain | None:
    """One try. None means finished (paid, failed or nothing to do) and marked so; ShopError means: retry, and the
    refund's card says that it waits for the shop once that has lasted."""
    try:
        return await _try(job)
    except ShopError as error:
        if job.attempt >= SHOP_PATIENCE and error.retry_after is None:
            await _wait_for_shop(job, "auth" if isinstance(error, AuthExpired) else "shop")
        raise


async def _wait_for_shop(job: Execution, waiting: str) -> None:
    """What it waited for before (the buyer, a code) is still what a person must do."""
    refund = await job.open_work().refunds.get(job.number)
    if refund is None or not refund.open or refund.process is not RefundProcess.AGREED:
        return
    if refund.money is MoneyState.UNKNOWN or refund.waiting not in ("", "shop", "auth"):
        return
    await _note(job, replace(refund, waiting=waiting), "店铺连不上，退款等店铺恢复")


async def _try(job: Execution) -> TryAgain | None:
    uow = job.open_work()
    refund = await uow.refunds.get(job.number)
    order = await uow.orders.get(refund.order_id) if refund else None
    if refund is None or order is None or refund.process is not RefundProcess.AGREED or not refund.open:
        job.finish(uow, {"outcome": "nothing to do"})
        await uow.commit()
        return None
    if job.shop.capabilities.refund == "create" and isinstance(job.shop, StartsRefunds):
        return await _settle(job, refund, _starting(job.shop, refund, order))
    if not refund.platform_refund_id:
        bound = await _bind(job, refund, order)
        if isinstance(bound, TryAgain):
            return bound
        refund = bound
    return await _settle(job, refund, _agreeing(job.shop, refund))


def _starting(shop: StartsRefunds, refund: Refund, order: Order) -> Awaitable[ActionResult]:
    return shop.create_refund(
        order.key.platform_order_id, refund.amount, key=refund.number, reason=refund.reason
    )


def _agreeing(shop: ShopConnector, refund: Refund) -> Awaitable[ActionResult]:
    return shop.agree_refund(refund.platform_refund_id, refund.amount, key=refund.number)


async def _bind(job: Execution, refund: Refund, order: Order) -> Refund | TryAgain:
    """Find the buyer's application this refund answers and commit the pair before any money moves."""
    application = await _application(job, refund, order)
    if application is None:
        await _still(job, refund)
        await job.shop.invite_refund(
            order.key.platform_order_id, refund.amount, key=refund.number, reason=refund.reason
        )
        application = await _application(job, refund, order)
    if application is None:
        await _note(job, replace(refund, waiting="buyer"), "退款已批准，等买家在店铺提交申请")
        return TryAgain(WAIT_FOR_BUYER_SECONDS, "the buyer has not applied at the shop yet")
    return await _note(
        job, replace(refund, platform_refund_id=application.platform_refund_id, waiting=""), ""
    )


async def _still(job: Execution, refund: Refund) -> None:
    """Raise Conflict when the refund went on without us: its application would look like another's, and a buyer be
    asked to apply for money that is on its way."""
    current = await job.open_work().refunds.get(refund.number)
    if current is None or current.revision != refund.revision:
        raise Conflict(f"refund {refund.number} was taken further by another process")


async def _application(job: Execution, refund: Refund, order: Order) -> ShopRefund | None:
    fresh = await job.shop.get_order(order.key.platform_order_id)
    uow = job.open_work()
    open_ones = [r for r in fresh.refunds if r.process is RefundProcess.APPLIED]
    taken = await uow.refunds.bound_ids(order.key.shop_code, [r.platform_refund_id for r in open_ones])
    free = [r for r in open_ones if r.platform_refund_id not in taken]
    exact = [r for r in free if r.amount == refund.amount]
    return exact[0] if exact else None


async def _settle(job: Execution, refund: Refund, paying: Awaitable[ActionResult]) -> TryAgain | None:
    """Pay (which asks first); book what the shop says."""
    try:
        result = await paying
    except RemoteUnknown:
        await _note(job, replace(refund, money=MoneyState.UNKNOWN), "退款结果未知，正在向店铺核实")
        seconds = ASK_AGAIN_SECONDS[min(job.attempt, len(ASK_AGAIN_SECONDS)) - 1]
        return TryAgain(seconds, "the shop's answer was lost: asking before anything else")
    return await _result(job, refund, result)


async def _result(job: Execution, refund: Refund, result: ActionResult) -> TryAgain | None:
    refund = replace(refund, platform_refund_id=refund.platform_refund_id or result.reference)
    if result.status in ("done", "already_done"):
        return await _book(job, refund, paid=True, message="店铺已退款")
    if result.status == "needs_code":
        await _note(job, replace(refund, waiting="code"), "店铺要求短信验证码，请在店铺后台确认这笔退款")
        return TryAgain(WAIT_FOR_CODE_SECONDS, "the shop wants an SMS code: a person must confirm there")
    return await _book(job, refund, paid=False, message=result.message or "店铺拒绝了退款")


async def _note(job: Execution, refund: Refund, line: str) -> Refund:
    """Keep a step on the way; writes nothing when nothing changed, so waiting does not fill the audit."""
    uow = job.open_work()
    current = await uow.refunds.get(refund.number)
    if current is None or current == refund:
        return refund
    uow.refunds.save(refund)
    details: dict[str, object] = {
        "money": str(refund.money),
        "waiting": refund.waiting,
        "platform_refund_id": refund.platform_refund_id,
    }
    _audit(uow, job, refund, "refund.progress", details)
    order = await uow.orders.get(refund.order_id)
    if line and order is not None:
        entry = TimelineEntry(job.now(), f"{line}（{refund.number}）", "desk")
        uow.orders.save(replace(order, timeline=(*order.timeline, entry)))
    if line:
        uow.touch(refund_subject(refund.number))
        uow.touch(order_subject(refund.order_id))
    if refund.waiting and refund.waiting != current.waiting:
        words = WAITING_WORDS[refund.waiting].format(amount=refund.amount)
        job.tell(uow, refund, f"{refund.number} {words}")
    await uow.commit()
    return replace(refund, revision=refund.revision + 1)


async def _book(job: Execution, refund: Refund, *, paid: bool, message: str) -> TryAgain | None:
    """Write the end down and mark the outbox row done; the order itself is read again a little later."""
    uow = job.open_work()
    now = job.now()
    ended = replace(
        refund,
        process=RefundProcess.SUCCESS if paid else RefundProcess.CLOSED,
        money=MoneyState.SUCCESS if paid else MoneyState.FAILED,
        waiting="",
        outcome=message,
        finished_at=now,
    )
    uow.refunds.save(ended)
    order = await uow.orders.get(refund.order_id)
    if order is not None:
        line = (
            f"退款成功 {refund.amount}（{refund.number}）"
            if paid
            else f"退款失败：{message}（{refund.number}）"
        )
        entry = TimelineEntry(now, line, "desk")
        uow.orders.save(replace(order, timeline=(*order.timeline, entry)))
        later = now + timedelta(seconds=READ_ORDER_SECONDS)
        uow.send(Effect("order.fetch", order_subject(order.id)), priority=Priority.DIGEST, due=later)
    details: dict[str, object] = {
        "amount": str(refund.amount),
        "platform_refund_id": refund.platform_refund_id,
        "message": message,
    }
    _audit(uow, job, ended, "refund.paid" if paid else "refund.failed", details)
    uow.touch(refund_subject(refund.number))
    uow.touch(order_subject(refund.order_id))
    job.finish(uow, {"outcome": "paid" if paid else "failed", "message": message})
    await uow.commit()
    return None


def _audit(uow: UnitOfWork, job: Execution, refund: Refund, action: str, details: dict[str, object]) -> None:
    actor = f"shop:{job.shop.shop_code}"
    uow.audit(
        AuditEntry(job.now(), actor, "outbox", action, refund_subject(refund.number), uow.trace_id, details)
    )
