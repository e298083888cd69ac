"""What makes an order an exception: each rule on its own, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.chat import SubjectRef
from domain.exception import OrderException, StockLevel, can_see_exception, can_settle_exception
from domain.exception_policy import ExceptionPolicy, Raci
from domain.exception_rules import bad_address, look_at, payment_mismatch, short_stock, stuck, watch_words
from domain.money import Money
from domain.order import Order, OrderState, Receiver
from domain.staff import Role
from tests.samples import FINANCE, NOW, SERVICE, SUPERVISOR, WAREHOUSE, order

GOOD = Receiver("李小明", "13800138000", "文三路 90 号 3 幢", "浙江省", "杭州市", "西湖区")


def to_ship(**receiver: str) -> Order:
    return order(receiver=replace(GOOD, **receiver))


@pytest.mark.parametrize(
    ("changes", "labels", "red"),
    [
        ({"phone": "12345"}, {"电话"}, True),
        ({"phone": "1380013800"}, {"电话"}, True),  # a digit short
        ({"phone": ""}, {"电话"}, True),
        ({"city": ""}, {"缺少"}, False),
        ({"province": " ", "city": ""}, {"缺少"}, False),
        ({"address": ""}, {"详细地址"}, True),
        ({"address": "3幢"}, {"详细地址"}, True),
    ],
)
def test_an_address_that_cannot_be_delivered_to(changes: dict[str, str], labels: set[str], red: bool) -> None:
    wrong = bad_address(to_ship(**changes))
    assert wrong is not None
    assert set(wrong.facts) == labels
    assert wrong.red is red
    assert not any(
        value in str(wrong.facts) for value in changes.values() if value.strip()
    )  # nothing private


@pytest.mark.parametrize(
    "phone", ["13800138000", "+86 138 0013 8000", "13800138000-1234", "0571-88001234", "400-800-1234"]
)
def test_numbers_people_really_have(phone: str) -> None:
    assert bad_address(to_ship(phone=phone)) is None


def test_what_the_platform_masks_is_not_missing() -> None:
    masked = Receiver(
        province="浙江省", city="杭州市", phone_mask="138****8000", address_mask="文三路***", name_mask="李**"
    )
    assert bad_address(order(receiver=masked)) is None


def test_nobody_asks_for_the_address_of_a_parcel_that_has_gone() -> None:
    assert bad_address(replace(to_ship(phone="1"), state=OrderState.SHIPPED)) is None


def test_an_address_abroad_follows_other_rules() -> None:
    assert bad_address(replace(to_ship(phone="+1 202 555 0100"), total=Money(100, "USD"))) is None


def test_words_to_watch_are_found_where_people_write_them() -> None:
    words = ExceptionPolicy().watch_words
    wrong = watch_words(replace(to_ship(), buyer_remark="请放物业，谢谢", seller_remark="先别发"), words)
    assert wrong is not None
    assert dict(wrong.facts) == {"买家备注": "放物业", "卖家备注": "先别发"}
    assert watch_words(replace(to_ship(), buyer_remark="尽快发货"), words) is None


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"paid": Money(0)}, "实付"),
        ({"paid": Money(99_900)}, "实付"),
        ({"paid": Money(12_900, "USD")}, "币种"),
        ({"state": OrderState.SHIPPED, "paid_at": None}, "已发货"),
    ],
)
def test_money_that_contradicts_itself(changes: dict[str, object], label: str) -> None:
    wrong = payment_mismatch(replace(order(), **changes))  # type: ignore[arg-type]  # fields by name
    assert wrong is not None
    assert label in wrong.facts


def test_a_free_order_is_no_mismatch() -> None:
    assert payment_mismatch(replace(order(), total=Money(0), paid=Money(0))) is None


def test_stuck_is_yellow_at_the_limit_and_red_at_twice_of_it() -> None:
    limits = {OrderState.ON_HOLD: timedelta(hours=24)}
    held = replace(order(), state=OrderState.ON_HOLD, modified_at=NOW)
    assert stuck(held, limits, NOW + timedelta(hours=23, minutes=59)) is None
    yellow = stuck(held, limits, NOW + timedelta(hours=24))
    red = stuck(held, limits, NOW + timedelta(hours=48))
    assert yellow is not None
    assert red is not None
    assert (yellow.red, red.red) == (False, True)
    assert stuck(order(), limits, NOW + timedelta(days=99)) is None


@pytest.mark.parametrize(("left", "light"), [(50, None), (49, False), (10, False), (9, True), (-3, True)])
def test_stock_runs_short_below_fifty_and_red_below_ten(left: int, light: bool | None) -> None:
    wrong = short_stock(StockLevel("HZ1", "SOFA", left + 7, 5, 2), ExceptionPolicy())
    assert (wrong.red if wrong else None) is light


def test_a_kind_nobody_wants_is_off() -> None:
    bad = replace(to_ship(phone="1"), buyer_remark="放物业")
    found = look_at(bad, ExceptionPolicy(off=frozenset({"address"})), NOW)
    assert [wrong.kind for wrong in found] == ["watch_word"]


@pytest.mark.parametrize("settings", [{"off": frozenset({"adress"})}, {"stock_red": 80}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"可选|stock_red"):
        ExceptionPolicy(**settings)  # type: ignore[arg-type]  # fields by name


def test_who_may_see_and_settle() -> None:
    raci = Raci(Role.SERVICE, informed=frozenset({Role.WAREHOUSE}))
    item = OrderException(
        "EX1",
        "address",
        SubjectRef("order", "1"),
        True,
        {},
        "r",
        "v",
        NOW,
        "t",
        region="华东",
        warehouse="HZ1",
    )
    assert can_settle_exception(SERVICE, item, raci)
    assert can_see_exception(WAREHOUSE, item, raci)
    assert not can_settle_exception(WAREHOUSE, item, raci)
    assert not can_see_exception(FINANCE, item, raci)
    assert can_settle_exception(SUPERVISOR, item, raci)
    assert not can_see_exception(SERVICE, replace(item, region="华北"), raci)
