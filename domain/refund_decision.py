"""Deciding about a refund request: by the right person, on what they saw, once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.audit import AuditEntry
from domain.order import MoneyState, RefundProcess, TimelineEntry
from domain.outbox import Effect
from domain.permission import can_decide_refund, can_see_refund
from domain.policy import RefundPolicy
from domain.ports import UnitOfWork
from domain.refund import ApprovalDecision, Refund
from domain.refund_request import order_subject, refund_subject
from domain.staff import Staff

SHOP_ANSWERS_SECONDS = 0.5


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class Answer(StrEnum):
    """What became of a decision."""

    DONE = "done"
    LATE = "late"  # already decided: show the present state
    STALE = "stale"  # the card showed an older state: show the present one and ask again
    CONFIRM = "confirm"  # a large sum: ask the same person a second time
    REASON = "reason"  # a rejection needs a reason
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"  # no such refund, or not for these eyes


@dataclass(frozen=True)
class DecisionWish:
    """`seen_revision` is what the tapped card showed; None when the decision was typed.
    `confirmed` says that the second question for large sums has been answered."""

    number: str
    verdict: Verdict
    by: Staff
    origin: str
    reason: str = ""
    seen_revision: int | None = None
    confirmed: bool = False


async def decide_refund(
    uow: UnitOfWork, wish: DecisionWish, policy: RefundPolicy, now: datetime
) -> tuple[Answer, Refund | None]:
    """Apply a decision, or say why it is not applied. Caller commits; a Conflict means: call again."""
    refund = await uow.refunds.get(wish.number)
    order = await uow.orders.get(refund.order_id) if refund else None
    if refund is None or order is None or not can_see_refund(wish.by, refund, order):
        return Answer.UNKNOWN, None
    if not can_decide_refund(wish.by, refund, order, policy):
        return Answer.FORBIDDEN, refund
    if refund.process is not RefundProcess.APPLIED:
        return Answer.LATE, refund
    if wish.seen_revision is not None and wish.seen_revision != refund.revision:
        return Answer.STALE, refund
    if wish.verdict is Verdict.REJECT and not wish.reason.strip():
        return Answer.REASON, refund
    if wish.verdict is Verdict.APPROVE and refund.amount > policy.confirm_above and not wish.confirmed:
        return Answer.CONFIRM, refund
    decided = _decided(refund, wish, now)
    uow.refunds.save(decided)
    word = "同意" if wish.verdict is Verdict.APPROVE else "驳回"
    entry = TimelineEntry(now, f"{word}退款 {refund.amount}（{refund.number}）", wish.by.name)
    uow.orders.save(replace(order, timeline=(*order.timeline, entry)))
    action = "refund.approved" if wish.verdict is Verdict.APPROVE else "refund.rejected"
    details: dict[str, object] = {"amount": str(refund.amount), "reason": wish.reason.strip()}
    uow.audit(
        AuditEntry(now, wish.by.id, wish.origin, action, refund_subject(refund.number), uow.trace_id, details)
    )
    if wish.verdict is Verdict.APPROVE:
        uow.send(Effect("refund.execute", refund_subject(refund.number)), key=f"refund.{refund.number}")
    # An approved refund has its outcome in a moment, as a rule: one drawing shows both.
    within = SHOP_ANSWERS_SECONDS if wish.verdict is Verdict.APPROVE else 0.0
    uow.touch(refund_subject(refund.number), within=within)
    uow.touch(order_subject(order.id), within=within)
    return Answer.DONE, decided


def _decided(refund: Refund, wish: DecisionWish, now: datetime) -> Refund:
    decision = ApprovalDecision(
        wish.by.id, wish.by.name, str(wish.verdict), wish.reason.strip(), now, wish.origin
    )
    decisions = (*refund.decisions, decision)
    if wish.verdict is Verdict.APPROVE:
        return replace(refund, process=RefundProcess.AGREED, money=MoneyState.PENDING, decisions=decisions)
    return replace(
        refund,
        process=RefundProcess.REFUSED,
        decisions=decisions,
        finished_at=now,
        outcome=wish.reason.strip(),
    )
