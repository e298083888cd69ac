"""What the lights job does: timers kept true with every changed order, alerts raised and looked after when due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from domain.alert import Alert, Timer
from domain.alert_decide import (
    LATE_SECONDS,
    dismissed,
    escalates_at,
    quiet_until,
    raised,
    reminds_at,
    settle,
    told,
    turned_red,
)
from domain.alert_round import Round, finish, light, rule_named, store
from domain.alert_rules import Level, Plan, plan_of
from domain.alert_tell import BACK, LIT, PERSON, REMIND, UP, Surroundings, Telling, placed, touch
from domain.order import Order
from domain.ports import UnitOfWork
from domain.sla import SlaRule
from domain.staff import ROLE_NAMES

BATCH = 200


async def orders_changed(uow: UnitOfWork, orders: Sequence[Order], around: Surroundings) -> None:
    """After orders were stored: each keeps at most one timer a rule; alerts that no longer hold end. Commits not."""
    ids = [order.id for order in orders]
    timers: dict[int, dict[str, Timer]] = {}
    for timer in await uow.alerts.timers_of(ids):
        timers.setdefault(timer.order_id, {})[timer.rule] = timer
    known = await _alerts_of(uow, ids)
    changed: list[Alert] = []
    for order in orders:
        rules = {rule.name: plan_of(order, rule, around.policies) for rule in around.policies.sla.rules}
        waiting, alerts = timers.get(order.id, {}), known.get(order.id, [])
        gone = {*waiting, *(alert.rule for alert in alerts if alert.open)} - rules.keys()
        for name in (*rules, *sorted(gone)):
            plan = rules.get(name)
            here = [alert for alert in alerts if alert.rule == name]
            settled = settle(order, plan, here, around.now)
            _keep_timer(uow, waiting.get(name), settled.timer, around)
            if settled.alert is not None:
                changed.append(store(uow, settled.alert, around))
    await touch(uow, changed, within=0.2 if len(changed) > 1 else 0.0)


async def _alerts_of(uow: UnitOfWork, ids: Sequence[int]) -> dict[int, list[Alert]]:
    found: dict[int, list[Alert]] = {}
    for alert in await uow.alerts.of_subjects("order", [str(order_id) for order_id in ids]):
        found.setdefault(alert.order_id, []).append(alert)
    return found


def _keep_timer(uow: UnitOfWork, known: Timer | None, wanted: Timer | None, around: Surroundings) -> None:
    if wanted is None:
        # One that rings at this moment raises what we did not see: the claim fails then, and we look again.
        if known is not None:
            uow.alerts.drop_timer(known, claim=True)
    elif known is None or (known.level, known.due) != (wanted.level, wanted.due):
        soon = around.now + timedelta(seconds=LATE_SECONDS)
        if known is not None and known.level is wanted.level and max(known.due, wanted.due) <= soon:
            return  # it is about to ring: changing again must not put it off
        uow.alerts.set_timer(wanted)


async def timers_due(uow: UnitOfWork, around: Surroundings, limit: int = BATCH) -> int:
    """Raise or turn what came due; how many timers were taken. The caller commits; Conflict: begin again."""
    timers = await uow.alerts.due_timers(around.now, limit)
    if not timers:
        return 0
    ids = list(dict.fromkeys(timer.order_id for timer in timers))
    orders = {order.id: order for order in await uow.orders.get_many(ids)}
    known = await _alerts_of(uow, ids)
    done = Round()
    for timer in timers:
        uow.alerts.drop_timer(timer, claim=True)
        order, rule = orders.get(timer.order_id), rule_named(around, timer.rule)
        plan = plan_of(order, rule, around.policies) if order is not None and rule is not None else None
        if order is not None and plan is not None:
            here = [alert for alert in known.get(order.id, ()) if alert.rule == timer.rule]
            _ring(uow, order, plan, here, around, done)
    await finish(uow, done, around)
    return len(timers)


def _ring(
    uow: UnitOfWork, order: Order, plan: Plan, known: Sequence[Alert], around: Surroundings, done: Round
) -> None:
    """A timer of this order has come due."""
    now, level = around.now, plan.level(around.now)
    opened = next((alert for alert in known if alert.open), None)
    if level is None or dismissed(plan, known):
        if level is None:
            _next_timer(uow, order, plan, None)
        return
    _next_timer(uow, order, plan, level)
    if opened is None:
        alert = raised(order, plan, around.policies, now, uow.trace_id, level)
    elif level is Level.RED and opened.level is Level.YELLOW:
        alert = turned_red(opened, now)
    else:
        return
    light(uow, alert, around, done)


def _next_timer(uow: UnitOfWork, order: Order, plan: Plan, after: Level | None) -> None:
    turn = plan.next_turn(after)
    if turn is not None:
        uow.alerts.set_timer(Timer(order.id, plan.rule.name, *turn, order.key.shop_code))


async def alerts_due(uow: UnitOfWork, around: Surroundings, limit: int = BATCH) -> int:
    """Silences that end, yellow lights that waited for the morning, escalations, reminders."""
    alerts = await uow.alerts.due_alerts(around.now, limit)
    done = Round()
    for alert in alerts:
        _tend(uow, alert, around, done)
    await finish(uow, done, around)
    return len(alerts)


def _tend(uow: UnitOfWork, alert: Alert, around: Surroundings, done: Round) -> None:
    now, rule = around.now, rule_named(around, alert.rule)
    before = len(done.telling)
    if alert.snoozed_until is not None and alert.snoozed_until <= now:
        alert = told(replace(alert, snoozed_until=None, shown=""), "静默结束", now)
    if not alert.shown and alert.snoozed_until is None and quiet_until(alert, around.policies, now) is None:
        kind = BACK if alert.turn else LIT[alert.level]  # somebody has touched it: it was shown before
        alert = _tell_owner(alert, kind, around, done)
    if rule is not None and (up := escalates_at(alert, rule)) is not None and up <= now:
        alert = _escalate(alert, rule, around, done)
    if rule is not None and _reminder_due(alert, rule, around):
        alert = replace(alert, reminded_at=now)
        if len(done.telling) == before:  # else they have just heard of it
            who = around.directory.by_id(alert.owner)
            alert = told(alert, f"提醒{who.name if who else alert.owner}：还没处理完", now)
            alert = _tell_owner(alert, REMIND, around, done)
    done.touched.append(store(uow, alert, around))


def _reminder_due(alert: Alert, rule: SlaRule, around: Surroundings) -> bool:
    again = reminds_at(alert, rule)
    quiet = quiet_until(alert, around.policies, around.now) is not None
    return again is not None and again <= around.now and not quiet


def _tell_owner(alert: Alert, kind: str, around: Surroundings, done: Round) -> Alert:
    alert, target = placed(alert, f"{PERSON}{alert.owner}" if alert.owner else alert.chat, around)
    alert = replace(alert, shown=str(alert.level))
    done.telling.append(Telling(alert, kind, target))
    return alert


def _escalate(alert: Alert, rule: SlaRule, around: Surroundings, done: Round) -> Alert:
    alert = told(replace(alert, escalated_at=around.now), f"升级给{ROLE_NAMES[rule.escalate_to]}", around.now)
    alert, target = placed(alert, rule.escalate_to.value, around)
    done.telling.append(Telling(alert, UP, target))
    return alert
