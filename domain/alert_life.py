"""What people do with alerts: take them, put them to sleep, hand them on, close them. Each once, each audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.alert import Alert, AlertState, alert_subject, can_see_alert, fold_subject
from domain.alert_decide import told
from domain.alert_round import store
from domain.alert_rules import words_for
from domain.alert_tell import HANDED, PERSON, Surroundings, Telling, tell, touch
from domain.audit import AuditEntry
from domain.clock import shanghai
from domain.ports import UnitOfWork
from domain.staff import Staff

MAX_REASON = 100


class Answer(StrEnum):
    """What became of a wish."""

    DONE = "done"
    UNKNOWN = "unknown"  # no such alert, or not for these eyes
    OVER = "over"  # it has ended
    TAKEN = "taken"  # somebody else was first
    MINE = "mine"  # it is already theirs
    STALE = "stale"  # the card showed an older state
    REASON = "reason"  # closing needs a reason
    LONG = "long"  # longer than the settings let a silence be
    NOBODY = "nobody"  # nobody of that name
    BLIND = "blind"  # that person may not see it


@dataclass(frozen=True)
class Wish:
    """`turn` is what the tapped card showed; None when it was typed."""

    number: str
    by: Staff
    origin: str
    turn: int | None = None


async def acknowledge(uow: UnitOfWork, wish: Wish, around: Surroundings) -> tuple[Answer, Alert | None]:
    """认领: it is mine now. Of two at once one is first; the other is told who. The caller commits."""
    alert, answer = await _open(uow, wish)
    if alert is None or answer is not Answer.DONE:
        return answer, alert
    if alert.owner == wish.by.id:
        return Answer.MINE, alert
    if alert.owner:
        return Answer.TAKEN, alert
    if _stale(alert, wish):
        return Answer.STALE, alert
    taken = _acknowledged(alert, wish.by, around.now)
    return Answer.DONE, await _done(uow, taken, wish, around, "alert.acknowledged", {})


def _acknowledged(alert: Alert, by: Staff, now: datetime) -> Alert:
    return told(
        replace(
            alert,
            owner=by.id,
            acknowledged_at=now,
            reminded_at=None,
            snoozed_until=None,
            shown=str(alert.level),
            turn=alert.turn + 1,
        ),
        f"{by.name}认领",
        now,
    )


async def acknowledge_all(
    uow: UnitOfWork, fold_id: str, by: Staff, origin: str, around: Surroundings
) -> tuple[int, int]:
    """全部认领 on a folded card: (how many are mine now, how many somebody else has)."""
    taken, others = 0, 0
    for alert in await uow.alerts.members(fold_id):
        if not alert.open or not can_see_alert(by, alert) or alert.owner == by.id:
            continue
        if alert.owner:
            others += 1
            continue
        taken += 1
        kept = _acknowledged(alert, by, around.now)
        _store(uow, kept, Wish(alert.number, by, origin), around, "alert.acknowledged", {"fold": fold_id})
        uow.touch(alert_subject(alert.number), within=0.5)
    if taken:
        uow.touch(fold_subject(fold_id))
    return taken, others


async def snooze(
    uow: UnitOfWork, wish: Wish, span: timedelta, around: Surroundings
) -> tuple[Answer, Alert | None]:
    """静默: nothing of it is sent until then, not even what is queued already; red comes back when it ends."""
    alert, answer = await _open(uow, wish)
    if alert is None or answer is not Answer.DONE:
        return answer, alert
    if _stale(alert, wish):
        return Answer.STALE, alert
    if not timedelta(0) < span <= around.policies.sla.snooze_most:
        return Answer.LONG, alert
    until = around.now + span
    text = f"{wish.by.name}静默 {words_for(span)}（到 {shanghai(until):%m-%d %H:%M}）"
    silent = told(replace(alert, snoozed_until=until, turn=alert.turn + 1), text, around.now)
    details: dict[str, object] = {"until": until.isoformat()}
    return Answer.DONE, await _done(uow, silent, wish, around, "alert.snoozed", details)


async def reassign(
    uow: UnitOfWork, wish: Wish, to: Staff | None, around: Surroundings
) -> tuple[Answer, Alert | None]:
    """转派: somebody else's from now on; they get its card one to one."""
    alert, answer = await _open(uow, wish)
    if alert is None or answer is not Answer.DONE:
        return answer, alert
    if _stale(alert, wish):
        return Answer.STALE, alert
    if to is None or not around.reach([to]):
        return Answer.NOBODY, alert
    if not can_see_alert(to, alert):
        return Answer.BLIND, alert
    handed = told(
        replace(
            alert,
            owner=to.id,
            acknowledged_at=around.now,
            reminded_at=None,
            snoozed_until=None,
            shown=str(alert.level),
            turn=alert.turn + 1,
        ),
        f"{wish.by.name}转派给{to.name}",
        around.now,
    )
    kept = await _done(uow, handed, wish, around, "alert.reassigned", {"to": to.id})
    if to.id != wish.by.id:
        await tell(uow, [Telling(kept, HANDED, f"{PERSON}{to.id}")], around, {})
    return Answer.DONE, kept


async def close(
    uow: UnitOfWork, wish: Wish, reason: str, around: Surroundings
) -> tuple[Answer, Alert | None]:
    """关闭: this episode is over, whatever the order does; the reason is kept."""
    alert, answer = await _open(uow, wish)
    if alert is None or answer is not Answer.DONE:
        return answer, alert
    if _stale(alert, wish):
        return Answer.STALE, alert
    reason = " ".join(reason.split())[:MAX_REASON]
    if not reason:
        return Answer.REASON, alert
    closed = told(
        replace(
            alert,
            state=AlertState.CLOSED,
            ended_at=around.now,
            ended_by=wish.by.id,
            reason=reason,
            snoozed_until=None,
            turn=alert.turn + 1,
        ),
        f"{wish.by.name}关闭：{reason}",
        around.now,
    )
    for timer in await uow.alerts.timers_of([alert.order_id] if alert.order_id else []):
        if timer.rule == alert.rule:
            uow.alerts.drop_timer(timer)
    return Answer.DONE, await _done(uow, closed, wish, around, "alert.closed", {"reason": reason})


async def _open(uow: UnitOfWork, wish: Wish) -> tuple[Alert | None, Answer]:
    alert = await uow.alerts.get(wish.number)
    if alert is None or not can_see_alert(wish.by, alert):
        return None, Answer.UNKNOWN
    return alert, Answer.DONE if alert.open else Answer.OVER


def _stale(alert: Alert, wish: Wish) -> bool:
    return wish.turn is not None and wish.turn != alert.turn


async def _done(
    uow: UnitOfWork, alert: Alert, wish: Wish, around: Surroundings, action: str, details: dict[str, object]
) -> Alert:
    kept = _store(uow, alert, wish, around, action, details)
    await touch(uow, [kept])
    return kept


def _store(
    uow: UnitOfWork, alert: Alert, wish: Wish, around: Surroundings, action: str, details: dict[str, object]
) -> Alert:
    kept = store(uow, alert, around, audited=False)
    entry = AuditEntry(
        around.now,
        wish.by.id,
        wish.origin,
        action,
        alert_subject(alert.number),
        uow.trace_id,
        {"rule": alert.rule, "level": str(alert.level), **details},
    )
    uow.audit(entry)
    return kept


def people_for(alert: Alert, people: Sequence[Staff], by: Staff) -> tuple[Staff, ...]:
    """Who it could be handed to: those who may see it, its own role first."""
    fit = [p for p in people if p.id not in (by.id, alert.owner) and p.accounts and can_see_alert(p, alert)]
    return tuple(sorted(fit, key=lambda person: (not person.has(alert.owner_role), person.name)))
