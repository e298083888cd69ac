"""Asking for a refund: every check, the rule that approves small ones, and who is asked about the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.audit import AuditEntry
from domain.chat import Recipient, SubjectRef
from domain.clock import shanghai
from domain.money import Money
from domain.numbers import number
from domain.order import MoneyState, Order, OrderKey, RefundProcess, TimelineEntry
from domain.order_states import STATE_NAMES
from domain.outbox import Effect, SendCard
from domain.permission import can_request_refund, can_see_order
from domain.policy import Policies, RefundPolicy
from domain.ports import UnitOfWork
from domain.refund import ApprovalDecision, BuyerHistory, Refund, RefundTotals, RuleFired
from domain.staff import Staff, StaffDirectory

MAX_REASON = 100


class RefundRefused(Exception):
    """The request cannot be taken; the message says why and what to do, for the chat it came from."""


@dataclass(frozen=True)
class RefundWish:
    """What somebody asked for. `amount` None means everything that is left, or what the buyer applied for."""

    order: Order
    amount: Money | None
    reason: str
    requester: Staff
    origin: str


@dataclass(frozen=True)
class Setting:
    """The surroundings of a decision: the moment, the rules, the people, what the shop can do."""

    now: datetime
    policies: Policies
    directory: StaffDirectory
    shop_refund: str  # none | agree | create


def refund_subject(number: str) -> SubjectRef:
    return SubjectRef("refund", number)


def order_subject(order_id: int) -> SubjectRef:
    return SubjectRef("order", str(order_id))


def totals(order: Order, refunds: Sequence[Refund]) -> RefundTotals:
    """Money already back with the buyer, and money on its way, each shop refund counted once."""
    bound = {refund.platform_refund_id for refund in refunds if refund.platform_refund_id}
    refunded = sum(r.amount.minor for r in refunds if r.money is MoneyState.SUCCESS)
    refunded += sum(
        r.amount.minor
        for r in order.refunds
        if r.money is MoneyState.SUCCESS and r.platform_refund_id not in bound
    )
    pending = sum(r.amount.minor for r in refunds if r.open)
    return RefundTotals(Money(refunded, order.paid.currency), Money(pending, order.paid.currency))


def refundable(order: Order, refunds: Sequence[Refund]) -> Money:
    """What may still be asked for: paid less refunded less pending, never below zero."""
    known = totals(order, refunds)
    return Money(max(0, order.paid.minor - known.refunded.minor - known.pending.minor), order.paid.currency)


async def request_refund(uow: UnitOfWork, wish: RefundWish, setting: Setting) -> Refund:
    """Check the wish, store it, and either approve it by rule or ask the approvers. Caller commits."""
    order, policy = wish.order, setting.policies.refund
    refunds = await uow.refunds.of_order(order.id)
    if again := _same_wish(refunds, wish):
        return again
    amount = _amount(wish, refunds)
    _check(wish, amount, refunds, setting)
    approvers = _approvers(order, wish.requester, policy, setting.directory)
    since = setting.now - timedelta(days=policy.clean_days)
    history = await uow.orders.buyer_history(order.key.shop_code, order.buyer_id, since)
    rule = _rule(order, amount, history, setting)
    by_rule = rule.rule == "refund.auto"
    if not by_rule and not approvers:
        raise RefundRefused("没有能审批的人：请管理员在 config.yaml 的 staff 里给财务或主管配置账号")
    refund = _new_refund(wish, amount, rule, setting.now, uow.trace_id)
    uow.refunds.save(refund)
    text = f"申请退款 {amount}：{refund.reason}"
    entry = TimelineEntry(setting.now, text, wish.requester.name)
    # Saving the order too makes two requests on one order collide instead of both seeing the same money left.
    uow.orders.save(replace(order, timeline=(*order.timeline, entry)))
    _audit(uow, refund, wish, setting.now)
    uow.touch(order_subject(order.id))
    if by_rule:
        _carry_out(uow, refund)
    else:
        _ask(uow, refund, approvers)
    return refund


def _same_wish(refunds: Sequence[Refund], wish: RefundWish) -> Refund | None:
    """The open request that this one repeats word for word, if any: impatience is not a second refund."""
    for refund in refunds:
        same_amount = wish.amount is None or refund.amount == wish.amount
        same_words = refund.requester == wish.requester.id and refund.reason == wish.reason.strip()
        if refund.open and same_words and same_amount:
            return refund
    return None


def _amount(wish: RefundWish, refunds: Sequence[Refund]) -> Money:
    if wish.amount is not None:
        return wish.amount
    applied = [r.amount for r in wish.order.refunds if r.process is RefundProcess.APPLIED]
    return applied[0] if len(applied) == 1 else refundable(wish.order, refunds)


def _check(wish: RefundWish, amount: Money, refunds: Sequence[Refund], setting: Setting) -> None:
    order, policy = wish.order, setting.policies.refund
    if not can_see_order(wish.requester, order):
        raise RefundRefused("没找到这张订单，请核对订单号")
    if not can_request_refund(wish.requester, order, policy):
        raise RefundRefused("你的角色不能申请退款，请找客服或主管")
    if setting.shop_refund == "none":
        raise RefundRefused("这家店铺还没接入退款接口，请到店铺后台处理")
    if order.state not in policy.refundable_states:
        raise RefundRefused(f"订单{STATE_NAMES[order.state]}，不能退款")
    if not wish.reason.strip():
        raise RefundRefused("请写明原因，例如：退款 订单号 30 破损")
    if len(wish.reason) > MAX_REASON:
        raise RefundRefused(f"原因请控制在 {MAX_REASON} 字以内")
    if amount.currency != order.paid.currency:
        raise RefundRefused(f"这张订单是 {order.paid.currency}，请按订单币种填写金额")
    left = refundable(order, refunds)
    known = totals(order, refunds)
    if left.minor == 0:
        raise RefundRefused(f"没有可退金额：实付 {order.paid}，已退 {known.refunded}，退款中 {known.pending}")
    if amount.minor <= 0:
        raise RefundRefused("退款金额要大于 0")
    if amount > left:
        raise RefundRefused(
            f"最多还能退 {left}（实付 {order.paid}，已退 {known.refunded}，退款中 {known.pending}），请改金额"
        )


def _approvers(
    order: Order, requester: Staff, policy: RefundPolicy, directory: StaffDirectory
) -> tuple[Staff, ...]:
    people = directory.with_roles(policy.approver_roles)
    return tuple(p for p in people if p.id != requester.id and p.accounts and can_see_order(p, order))


def _rule(order: Order, amount: Money, history: BuyerHistory, setting: Setting) -> RuleFired:
    policy = setting.policies.refund
    small = amount.currency == policy.auto_limit.currency and amount <= policy.auto_limit
    clean = history.refunds <= policy.clean_max_refunds
    known = bool(order.buyer_id)
    facts = {
        "金额": f"{amount}，免审上限 {policy.auto_limit}",
        "买家": f"{policy.clean_days} 天内退款 {history.refunds} 次，免审最多 {policy.clean_max_refunds} 次"
        if known
        else "买家身份未知",
    }
    name = "refund.auto" if small and clean and known else "refund.manual"
    return RuleFired(name, setting.policies.version, facts)


def _new_refund(wish: RefundWish, amount: Money, rule: RuleFired, now: datetime, trace_id: str) -> Refund:
    by_rule = rule.rule == "refund.auto"
    decision = ApprovalDecision(f"rule:{rule.rule}", "规则", "approve", "小额免审", now, wish.origin)
    return Refund(
        number=new_number(now, wish.order.key),
        order_id=wish.order.id,
        order_key=wish.order.key,
        amount=amount,
        reason=wish.reason.strip(),
        requester=wish.requester.id,
        requester_name=wish.requester.name,
        requested_at=now,
        process=RefundProcess.AGREED if by_rule else RefundProcess.APPLIED,
        money=MoneyState.PENDING if by_rule else MoneyState.NONE,
        rule=rule,
        trace_id=trace_id,
        decisions=(decision,) if by_rule else (),
    )


def new_number(now: datetime, order: OrderKey) -> str:
    """`RF` + day + six random characters: short enough to read aloud, unique by storage's key."""
    return number("RF", shanghai(now).date(), str(order))


def _audit(uow: UnitOfWork, refund: Refund, wish: RefundWish, now: datetime) -> None:
    subject = refund_subject(refund.number)
    details: dict[str, object] = {
        "order": str(refund.order_key),
        "amount": str(refund.amount),
        "reason": refund.reason,
        "rule": refund.rule.rule,
        "settings_version": refund.rule.settings_version,
        "facts": dict(refund.rule.facts),
    }
    uow.audit(
        AuditEntry(now, wish.requester.id, wish.origin, "refund.requested", subject, uow.trace_id, details)
    )
    for decision in refund.decisions:
        uow.audit(
            AuditEntry(now, decision.actor, wish.origin, "refund.approved", subject, uow.trace_id, details)
        )


def _carry_out(uow: UnitOfWork, refund: Refund) -> None:
    uow.send(Effect("refund.execute", refund_subject(refund.number)), key=f"refund.{refund.number}")


def _ask(uow: UnitOfWork, refund: Refund, approvers: tuple[Staff, ...]) -> None:
    for person in approvers:
        for account in person.accounts:
            uow.send(
                SendCard(Recipient(account), refund_subject(refund.number)),
                key=f"ask.{refund.number}.{account}",
            )
