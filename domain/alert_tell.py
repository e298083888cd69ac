"""Telling people of alerts: who hears of it, one card each or many folded into one, and nobody twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.alert import Alert, Fold, alert_subject, can_see_alert, fold_subject
from domain.alert_decide import told
from domain.alert_rules import Level
from domain.chat import Recipient, SubjectRef
from domain.outbox import Priority, SendCard
from domain.policy import Policies
from domain.ports import UnitOfWork
from domain.staff import Role, Staff, StaffDirectory

PERSON = "@"  # a target that is one person: `@<staff id>`; else the name of a chat
GATHER = timedelta(seconds=1)  # a fold whose others are known to come waits this long, to show more of them
REDRAW_SECONDS = 1.0  # changes of a fold within this time are drawn once

# Why somebody is told: a new light, the end of a silence, an escalation, a reminder.
LIT = {Level.YELLOW: "yellow", Level.RED: "red"}
BACK, UP, REMIND, HANDED = "back", "up", "remind", "handed"


@dataclass(frozen=True)
class Surroundings:
    """The moment, the rules, the people. `audience` is where a named chat is (`cards.scene.Scene.audience`),
    `reach` each of some people one to one."""

    now: datetime
    policies: Policies
    directory: StaffDirectory
    audience: Callable[[str], tuple[Recipient, ...]]
    reach: Callable[[Sequence[Staff]], tuple[Recipient, ...]]


@dataclass(frozen=True)
class Telling:
    """One alert to be told of: to `target`, for the reason `kind`. `coming`: how many alerts of the same kind are
    known to follow within the fold window."""

    alert: Alert
    kind: str
    target: str


Coming = Mapping[tuple[str, str], int]
"""(rule, kind) → how many more are about to come."""


async def tell(uow: UnitOfWork, telling: Sequence[Telling], around: Surroundings, coming: Coming) -> None:
    """Queue the cards. Alerts must be saved by the caller; a fold is saved here. The caller commits."""
    groups: dict[tuple[str, str, str], list[Alert]] = {}
    for one in telling:
        groups.setdefault((one.alert.rule, one.kind, one.target), []).append(one.alert)
    for (rule, kind, target), alerts in groups.items():
        await _tell_group(uow, rule, kind, target, alerts, around, coming.get((rule, kind), 0))


async def _tell_group(
    uow: UnitOfWork,
    rule: str,
    kind: str,
    target: str,
    alerts: Sequence[Alert],
    around: Surroundings,
    coming: int,
) -> None:
    policy = around.policies.sla
    fold = await uow.alerts.open_fold(rule, kind, target, around.now - policy.join_for)
    if fold is None and len(alerts) + coming < policy.fold_at:
        for alert in alerts:
            _send(uow, alert_subject(alert.number), f"alert.{alert.number}", kind, target, [alert], around)
        return
    if fold is None:
        fold = Fold(_fold_id(uow, rule, kind, target), rule, kind, target, alerts[0].title, around.now)
    else:
        uow.touch(fold_subject(fold.id), within=REDRAW_SECONDS)
    uow.alerts.save_fold(replace(fold, count=fold.count + len(alerts)), [alert.number for alert in alerts])
    wait = GATHER if coming and not fold.revision else timedelta(0)
    _send(uow, fold_subject(fold.id), f"fold.{fold.id}", kind, target, alerts, around, wait)


def _fold_id(uow: UnitOfWork, rule: str, kind: str, target: str) -> str:
    return hashlib.sha256(f"{uow.trace_id}.{rule}.{kind}.{target}".encode()).hexdigest()[:16]


def _send(
    uow: UnitOfWork,
    subject: SubjectRef,
    key: str,
    kind: str,
    target: str,
    alerts: Sequence[Alert],
    around: Surroundings,
    wait: timedelta = timedelta(0),
) -> None:
    """One card to each who may see any of these; who has this card already (a fold) is left out by the key."""
    params = {"kind": kind} if target.startswith(PERSON) else {"kind": kind, "chat": target}
    red = any(alert.level is Level.RED for alert in alerts)
    turn = f".{alerts[0].turn}" if kind in (BACK, REMIND, HANDED) and subject.type == "alert" else ""
    again = f".{int(around.now.timestamp())}" if kind == REMIND and subject.type == "alert" else ""
    for to in hearers(target, alerts, around):
        uow.send(
            SendCard(to, subject, params),
            key=f"{key}.{kind}{turn}{again}.{to.lane}",
            priority=Priority.RED if red else Priority.YELLOW,
            due=around.now + wait if wait else None,
        )


def hearers(target: str, alerts: Sequence[Alert], around: Surroundings) -> tuple[Recipient, ...]:
    """Where this goes: a group as it is, single people only when they may see one of the alerts."""
    if target.startswith(PERSON):
        person = around.directory.by_id(target.removeprefix(PERSON))
        return around.reach([person]) if person else ()
    return tuple(to for to in around.audience(target) if to.chat_id or _may_see(to, alerts, around))


def _may_see(to: Recipient, alerts: Sequence[Alert], around: Surroundings) -> bool:
    staff = around.directory.by_account(to.account)
    return staff is not None and any(can_see_alert(staff, alert) for alert in alerts)


def placed(alert: Alert, target: str, around: Surroundings) -> tuple[Alert, str]:
    """The alert and where it really goes. When its owner has left or nobody of its chat may see it (a hole in the
    rota), the supervisors get it, and its card says so."""
    if target.startswith(PERSON):
        person = around.directory.by_id(target.removeprefix(PERSON))
        if person is not None and around.reach([person]):
            return alert, target
        text = f"负责人 {target.removeprefix(PERSON)} 已不在员工名单里，退回大家"
        alert = told(replace(alert, owner="", acknowledged_at=None), text, around.now)
        target = alert.chat
    if hearers(target, [alert], around):
        return alert, target
    supervisors = Role.SUPERVISOR.value
    if target != supervisors and hearers(supervisors, [alert], around):
        return told(
            replace(alert, chat=supervisors), "没有能看到它的负责人，转给主管", around.now
        ), supervisors
    return told(alert, "没有可以通知的人，请在 staff 里配置负责人和主管", around.now), target


async def touch(uow: UnitOfWork, alerts: Sequence[Alert], *, within: float = 0.0) -> None:
    """Every card that shows any of these is drawn again."""
    for alert in alerts:
        uow.touch(alert_subject(alert.number), within=within)
    if alerts:
        for fold_id in await uow.alerts.folds_of([alert.number for alert in alerts]):
            uow.touch(fold_subject(fold_id), within=REDRAW_SECONDS if len(alerts) > 1 else within)
