"""What becomes of an alert when an order changes, a timer comes due, or nothing happened for long. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.alert import Alert, AlertState, Timer, Told
from domain.alert_rules import COUNTED_NAMES, LEVEL_NAMES, Level, Plan
from domain.chat import SubjectRef
from domain.clock import shanghai
from domain.numbers import number
from domain.order import Order
from domain.order_states import STATE_NAMES
from domain.policy import Policies
from domain.sla import NONE, Counting, SlaRule
from domain.working_time import night_ends

MOST_STORY = 12
LATE_SECONDS = 0.5  # an order that is late when we hear of it waits this long for others that came with it


def new_number(now: datetime, rule: str, shop_code: str, label: str) -> str:
    """`AL` + day + six random characters; unique by storage's key. `label`: the order's number or the shop's name."""
    return number("AL", shanghai(now).date(), f"{rule}/{shop_code}/{label}")


@dataclass(frozen=True)
class Settled:
    """What an order and one rule come to: the timer to keep (None: none), and the alert as it is now when that
    differs from before."""

    timer: Timer | None
    alert: Alert | None = None


def settle(order: Order, plan: Plan | None, known: Sequence[Alert], now: datetime) -> Settled:
    """After a change of the order: nothing is raised here (a timer is set for it), but what no longer holds ends.

    `known` are the alerts of this order and rule: the open one, and those a person closed.
    """
    opened = next((alert for alert in known if alert.open), None)
    if plan is None:
        ended = resolved(opened, f"订单{STATE_NAMES[order.state]}", now) if opened else None
        return Settled(None, ended)
    if opened is None:
        if dismissed(plan, known):
            return Settled(None)
        return Settled(_timer(order, plan, plan.next_turn(None), now))
    level = plan.level(now)
    if level is None:
        return Settled(
            _timer(order, plan, plan.next_turn(None), now), resolved(opened, "时限变了，还没到时间", now)
        )
    alert = _moved(opened, order, plan)
    if opened.level is Level.RED and level is Level.YELLOW:
        alert = told(replace(alert, level=level, turned_at=None), "时限延后，退回黄灯", now)
    timer = _timer(order, plan, plan.next_turn(alert.level), now)
    return Settled(timer, alert if alert != opened else None)


def dismissed(plan: Plan, known: Sequence[Alert]) -> bool:
    """A person has closed this very episode."""
    return any(a.state is AlertState.CLOSED and a.start == plan.start for a in known)


def _timer(order: Order, plan: Plan, turn: tuple[Level, datetime] | None, now: datetime) -> Timer | None:
    if turn is None:
        return None
    level, due = turn
    if level is Level.YELLOW and now >= plan.red:
        level, due = Level.RED, plan.red
    if due <= now:
        due = now + timedelta(seconds=LATE_SECONDS)
    return Timer(order.id, plan.rule.name, level, due, order.key.shop_code)


def _moved(alert: Alert, order: Order, plan: Plan) -> Alert:
    """The alert with what the order says now."""
    return replace(
        alert,
        start=plan.start,
        red_at=plan.red,
        amount=order.paid if order.paid.minor else order.total,
        region=order.region,
        warehouse=order.warehouse,
    )


def raised(order: Order, plan: Plan, policies: Policies, now: datetime, trace_id: str, level: Level) -> Alert:
    alert = Alert(
        number=new_number(now, plan.rule.name, order.key.shop_code, order.key.platform_order_id),
        subject=SubjectRef("order", str(order.id)),
        rule=plan.rule.name,
        title=plan.rule.title,
        level=level,
        start=plan.start,
        red_at=plan.red,
        raised_at=now,
        settings_version=policies.version,
        facts=facts_of(order, plan, policies),
        trace_id=trace_id,
        label=order.key.platform_order_id,
        shop_code=order.key.shop_code,
        chat=plan.rule.audience,
        owner_role=plan.rule.owner,
        turned_at=now if level is Level.RED else None,
    )
    return told(_moved(alert, order, plan), f"亮{LEVEL_NAMES[level]}", now)


def facts_of(order: Order, plan: Plan, policies: Policies) -> Mapping[str, str]:
    """For 为什么: what the rule saw."""
    counted = COUNTED_NAMES[plan.rule.counts_from]
    facts = {"订单状态": STATE_NAMES[order.state], f"{counted}时间": _moment(plan.start)}
    if plan.yellow is not None:
        facts["黄灯"] = _moment(plan.yellow)
    facts["红灯"] = _moment(plan.red) + ("（平台规定的发货时限）" if plan.by_platform else "")
    if plan.rule.calendar is Counting.WORKING:
        facts["计时"] = f"工作时间 {policies.sla.calendar.hours}，跳过周末和节假日"
    else:
        facts["计时"] = "自然时间"
    return facts


def _moment(at: datetime) -> str:
    return f"{shanghai(at):%Y-%m-%d %H:%M}"


def turned_red(alert: Alert, now: datetime) -> Alert:
    return told(replace(alert, level=Level.RED, turned_at=now), "转红灯", now)


def resolved(alert: Alert, why: str, now: datetime) -> Alert:
    return told(
        replace(
            alert,
            state=AlertState.RESOLVED,
            ended_at=now,
            reason=why,
            next_at=None,
            snoozed_until=None,
            turn=alert.turn + 1,
        ),
        f"自动解除：{why}",
        now,
    )


def told(alert: Alert, text: str, now: datetime) -> Alert:
    return replace(alert, story=(*alert.story, Told(now, text))[-MOST_STORY:])


def next_look(alert: Alert, rule: SlaRule | None, policies: Policies, now: datetime) -> datetime | None:
    """When the machine must look at this alert again: a colour still to be told, the end of a silence, an
    escalation, a reminder. None: only people or the order can move it."""
    if not alert.open:
        return None
    silent = alert.snoozed_until
    times: list[datetime] = [silent] if silent is not None else []
    if not alert.shown and silent is None:
        times.append(quiet_until(alert, policies, now) or now)
    if rule is not None:
        if (up := escalates_at(alert, rule)) is not None:
            times.append(up)
        if (again := reminds_at(alert, rule)) is not None:
            times.append(quiet_until(alert, policies, max(again, now)) or again)
    return min(times, default=None)


def quiet_until(alert: Alert, policies: Policies, now: datetime) -> datetime | None:
    """The end of the quiet hours that hold this alert; they never hold a red one."""
    return night_ends(now, policies.sla.quiet) if alert.level is Level.YELLOW else None


def escalates_at(alert: Alert, rule: SlaRule) -> datetime | None:
    if rule.escalate_after == NONE or alert.escalated_at is not None or alert.turned_at is None:
        return None
    return _not_in_silence(alert, alert.turned_at + rule.escalate_after)


def reminds_at(alert: Alert, rule: SlaRule) -> datetime | None:
    if rule.remind == NONE or not alert.owner or alert.acknowledged_at is None:
        return None
    return _not_in_silence(alert, (alert.reminded_at or alert.acknowledged_at) + rule.remind)


def _not_in_silence(alert: Alert, at: datetime) -> datetime:
    return at if alert.snoozed_until is None else max(at, alert.snoozed_until)
