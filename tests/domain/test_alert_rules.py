"""Which light an order shows, and that the lamp on its card is the same light."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alert_rules import Level, plan_of, plans
from domain.lamp import lamp
from domain.money import Money
from domain.order import MoneyState, OrderState, RefundProcess, ShopRefund
from domain.policy import Policies
from domain.sla import DEFAULT_RULES, Counting, CountsFrom, SlaPolicy, SlaRule
from tests.samples import NOW, order

SHIP = DEFAULT_RULES[0]
HOUR = timedelta(hours=1)


def policies(*rules: SlaRule, hours: int = 48) -> Policies:
    return Policies(sla=SlaPolicy(rules=rules or DEFAULT_RULES), ship_within_hours=hours)


@pytest.mark.parametrize(
    ("hours", "colour"),
    [(1, "green"), (35.9, "green"), (36, "yellow"), (47.9, "yellow"), (48, "red"), (90, "red")],
)
def test_ship_within_hours_still_says_when(hours: float, colour: str) -> None:
    late = order(paid_at=NOW - hours * HOUR)
    assert lamp(late, NOW, policies()).colour == colour
    assert lamp(late, NOW, policies(hours=96)).colour == ("green" if hours < 72 else "yellow")


def test_an_earlier_limit_of_the_platform_counts_and_a_later_one_does_not() -> None:
    early = order(paid_at=NOW - 10 * HOUR, ship_deadline_at=NOW + 2 * HOUR)
    plan = plan_of(early, SHIP, policies())
    assert plan is not None
    assert (plan.red, plan.by_platform) == (NOW + 2 * HOUR, True)
    assert plan.yellow == NOW - 10 * HOUR  # twelve hours before it, as with our own limit
    assert plan.level(NOW) is Level.YELLOW
    generous = order(paid_at=NOW - 47 * HOUR, ship_deadline_at=NOW + 72 * HOUR)
    plan = plan_of(generous, SHIP, policies())
    assert plan is not None
    assert plan.red == NOW + HOUR


def test_the_warning_never_lies_before_the_counting() -> None:
    rushed = order(paid_at=NOW, ship_deadline_at=NOW + HOUR)
    plan = plan_of(rushed, SHIP, policies())
    assert plan is not None
    assert plan.yellow == NOW


@pytest.mark.parametrize(
    ("state", "rules"),
    [
        (OrderState.UNPAID, set()),
        (OrderState.TO_SHIP, {"ship"}),
        (OrderState.PRE_SHIPPED, {"collect"}),
        (OrderState.SHIPPED, {"deliver"}),
        (OrderState.DELIVERED, set()),
        (OrderState.COMPLETED, set()),
        (OrderState.CLOSED, set()),
    ],
)
def test_default_rules_by_state(state: OrderState, rules: set[str]) -> None:
    found = plans(order(state=state, shipped_at=NOW), policies())
    assert {plan.rule.name for plan in found} == rules


def test_an_unanswered_application_counts_from_the_oldest() -> None:
    def asked(number: str, ago: int, process: RefundProcess) -> ShopRefund:
        moment = NOW - ago * HOUR
        return ShopRefund(number, Money(100), process, MoneyState.NONE, "", "1", modified_at=moment)

    refunds = (
        asked("1", 99, RefundProcess.REFUSED),
        asked("2", 25, RefundProcess.APPLIED),
        asked("3", 2, RefundProcess.APPLIED),
    )
    (plan,) = plans(order(state=OrderState.DELIVERED, refunds=refunds), policies())
    assert (plan.rule.name, plan.start, plan.level(NOW)) == ("aftersale", NOW - 25 * HOUR, Level.YELLOW)


def test_scope_of_a_rule() -> None:
    rule = replace(SHIP, shops=frozenset({"other"}))
    assert plan_of(order(), rule, policies()) is None
    rule = replace(SHIP, regions=frozenset({"华东"}), warehouses=frozenset({"HZ1"}))
    assert plan_of(order(), rule, policies()) is not None
    assert plan_of(order(warehouse="HZ2"), rule, policies()) is None


def test_an_order_without_the_counted_moment_is_under_no_rule() -> None:
    assert list(plans(order(paid_at=None), policies())) == []


def test_working_time_makes_the_limit_later() -> None:
    rule = SlaRule("w", "按工时", frozenset({OrderState.TO_SHIP}), red=4 * HOUR, calendar=Counting.WORKING)
    friday = datetime.fromisoformat("2026-03-13T17:00:00+08:00")
    plan = plan_of(order(paid_at=friday), rule, policies(rule))
    assert plan is not None
    assert plan.red == datetime.fromisoformat("2026-03-16T12:00:00+08:00")
    assert plan.yellow is None


@given(st.integers(0, 200), st.sampled_from(list(OrderState)), st.integers(1, 120))
def test_the_lamp_is_the_worst_light_of_the_rules(hours: int, state: OrderState, limit: int) -> None:
    some = order(state=state, paid_at=NOW - hours * HOUR, shipped_at=NOW - hours * HOUR)
    rules = policies(hours=limit)
    levels = {plan.level(NOW) for plan in plans(some, rules)}
    wanted = "red" if Level.RED in levels else "yellow" if Level.YELLOW in levels else None
    colour = lamp(some, NOW, rules).colour
    assert colour == wanted if wanted else colour in ("green", "grey")


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        (SlaRule("", "x", red=HOUR), "name"),
        (SlaRule("A b", "x", red=HOUR), "name"),
        (SlaRule("a", "", red=HOUR), "title"),
        (SlaRule("a", "x", yellow=2 * HOUR, red=HOUR), "red"),
        (SlaRule("a", "x", yellow=HOUR, red=HOUR), "red"),
        (SlaRule("a", "x"), "red"),
        (SlaRule("a", "x", counts_from=CountsFrom.SHIPPED), "red"),
        (SlaRule("a", "x", SHIP.states, yellow=HOUR), "yellow"),
    ],
)
def test_rules_that_cannot_be_meant_are_named(rule: SlaRule, where: str) -> None:
    assert (("rules", 0, where)) in [path for path, _ in SlaPolicy(rules=(rule,)).faults()]


def test_default_rules_are_without_fault() -> None:
    assert list(SlaPolicy().faults()) == []
