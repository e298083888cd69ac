"""What people do about a difference: take it, write about it, write it off by two, close it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.audit import AuditEntry
from domain.books import Difference, DifferenceState, Note, difference_subject, reconcile_subject
from domain.chat import Recipient
from domain.outbox import SendCard
from domain.ports import UnitOfWork
from domain.reconcile_policy import ReconcilePolicy
from domain.staff import Staff, StaffDirectory

MAX_WORDS = 200


class Deed(StrEnum):
    TAKE = "take"
    NOTE = "note"
    ASK = "ask"  # for a write-off
    APPROVE = "approve"
    REJECT = "reject"
    CLOSE = "close"


class Answer(StrEnum):
    DONE = "done"
    LATE = "late"  # it has ended, or the write-off is decided already
    STALE = "stale"
    WORDS = "words"  # a reason or a comment is needed
    FORBIDDEN = "forbidden"
    OWN = "own"  # nobody approves his own write-off
    NOT_ASKED = "not_asked"
    ASKED = "asked"  # a write-off waits: decide it first
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Wish:
    """`seen_revision` is what the tapped card showed; None when it was typed."""

    number: str
    deed: Deed
    by: Staff
    origin: str
    words: str = ""
    seen_revision: int | None = None


@dataclass(frozen=True)
class Surroundings:
    now: datetime
    policy: ReconcilePolicy
    directory: StaffDirectory


def may_see(staff: Staff, policy: ReconcilePolicy) -> bool:
    """The books are for finance and supervisors."""
    return staff.has(*policy.roles)


def may_decide(staff: Staff, difference: Difference, policy: ReconcilePolicy) -> bool:
    """An approver who did not ask himself."""
    return staff.has(*policy.approver_roles) and staff.id != difference.asked_by


async def decide(uow: UnitOfWork, wish: Wish, around: Surroundings) -> tuple[Answer, Difference | None]:
    """Do it, or say why it is not done. Caller commits; a Conflict means: call again."""
    difference = await uow.books.difference(wish.number)
    if difference is None or not may_see(wish.by, around.policy):
        return Answer.UNKNOWN, None
    refused = _refused(difference, wish, around.policy)
    if refused is not None:
        return refused, difference
    done = _DEEDS[wish.deed](difference, wish, around.now)
    if done == difference:
        return Answer.DONE, difference
    uow.books.save_difference(done)
    subject = difference_subject(difference.number)
    details: dict[str, object] = {"stake": difference.stake, "words": wish.words.strip()[:MAX_WORDS]}
    uow.audit(
        AuditEntry(
            around.now,
            wish.by.id,
            wish.origin,
            f"difference.{_WORDS[wish.deed]}",
            subject,
            uow.trace_id,
            details,
        )
    )
    uow.touch(subject)
    uow.touch(reconcile_subject(difference.day), within=1.0)
    if wish.deed is Deed.ASK:
        _call_approvers(uow, done, around)
    return Answer.DONE, done


def _refused(difference: Difference, wish: Wish, policy: ReconcilePolicy) -> Answer | None:
    if not difference.open:
        return Answer.LATE
    if wish.seen_revision is not None and wish.seen_revision != difference.revision:
        return Answer.STALE
    asked = difference.state is DifferenceState.ASKED
    if wish.deed in (Deed.APPROVE, Deed.REJECT):
        if not asked:
            return Answer.NOT_ASKED
        if not wish.by.has(*policy.approver_roles):
            return Answer.FORBIDDEN
        if wish.by.id == difference.asked_by:
            return Answer.OWN
    elif asked and wish.deed in (Deed.ASK, Deed.CLOSE):
        return Answer.ASKED
    if wish.deed in (Deed.NOTE, Deed.ASK, Deed.REJECT, Deed.CLOSE) and not wish.words.strip():
        return Answer.WORDS
    return None


def _take(difference: Difference, wish: Wish, now: datetime) -> Difference:
    if difference.owner == wish.by.id:
        return difference
    state = DifferenceState.TAKEN if difference.state is DifferenceState.OPEN else difference.state
    taken = replace(difference, owner=wish.by.id, owner_name=wish.by.name, state=state)
    return _noted(taken, wish, now, "认领")


def _note(difference: Difference, wish: Wish, now: datetime) -> Difference:
    state = DifferenceState.TAKEN if difference.state is DifferenceState.OPEN else difference.state
    return _noted(replace(difference, state=state), wish, now, "")


def _ask(difference: Difference, wish: Wish, now: datetime) -> Difference:
    asked = replace(
        difference,
        state=DifferenceState.ASKED,
        asked_by=wish.by.id,
        asked_name=wish.by.name,
        reason=wish.words.strip()[:MAX_WORDS],
    )
    return _noted(asked, wish, now, "申请核销")


def _approve(difference: Difference, wish: Wish, now: datetime) -> Difference:
    done = replace(
        difference,
        state=DifferenceState.WRITTEN_OFF,
        closed_at=now,
        outcome=f"{difference.reason}（{difference.asked_name}申请，{wish.by.name}批准）",
    )
    return _noted(done, wish, now, "批准核销")


def _reject(difference: Difference, wish: Wish, now: datetime) -> Difference:
    state = DifferenceState.TAKEN
    return _noted(
        replace(difference, state=state, asked_by="", asked_name="", reason=""), wish, now, "驳回核销"
    )


def _close(difference: Difference, wish: Wish, now: datetime) -> Difference:
    words = wish.words.strip()[:MAX_WORDS]
    done = replace(
        difference,
        state=DifferenceState.CLOSED,
        closed_at=now,
        reason=words,
        outcome=f"{words}（{wish.by.name}）",
    )
    return _noted(done, wish, now, "关闭")


def _noted(difference: Difference, wish: Wish, now: datetime, what: str) -> Difference:
    words = wish.words.strip()[:MAX_WORDS]
    text = f"{what}：{words}" if what and words else what or words
    return replace(difference, notes=(*difference.notes, Note(now, wish.by.name, text)))


def _call_approvers(uow: UnitOfWork, difference: Difference, around: Surroundings) -> None:
    subject = difference_subject(difference.number)
    for person in around.directory.with_roles(around.policy.approver_roles):
        for account in person.accounts if person.id != difference.asked_by else ():
            key = f"write_off.{difference.number}.{difference.revision}.{account}"
            uow.send(SendCard(Recipient(account), subject), key=key)


_DEEDS: dict[Deed, Callable[[Difference, Wish, datetime], Difference]] = {
    Deed.TAKE: _take,
    Deed.NOTE: _note,
    Deed.ASK: _ask,
    Deed.APPROVE: _approve,
    Deed.REJECT: _reject,
    Deed.CLOSE: _close,
}
_WORDS = {
    Deed.TAKE: "taken",
    Deed.NOTE: "noted",
    Deed.ASK: "write_off_asked",
    Deed.APPROVE: "written_off",
    Deed.REJECT: "write_off_rejected",
    Deed.CLOSE: "closed",
}
