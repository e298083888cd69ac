"""A refund at a shop where the seller starts it: approved in chat, at the Shopify shop exactly once."""

from __future__ import annotations

import pytest

from storage.bulk import upsert_orders
from tests.office import LIN, PLATFORMS, QIAN, Office, summary

both = pytest.mark.parametrize("platform", PLATFORMS)
SHOP = "shopify-us"


async def paid_order(office: Office, amount: str = "129.00") -> str:
    goods = [{"title": "Linen Sofa Cover", "sku": "SOFA-GREY-3", "num": 1, "price": amount}]
    made = await office.post("/orders", {"shop": SHOP, "orders": [{"status": "paid", "items": goods}]})
    number = str(made["orders"][0]["platform_order_id"])
    await upsert_orders(office.desk.db, [await office.desk.shops[SHOP].get_order(number)], source="test")
    return number


async def ask(office: Office, platform: str, number: str, words: str = "$100 破损") -> str:
    await office.say(platform, LIN, f"退款 {number} {words}")
    card = await office.card(platform, LIN, "退款 $", number)
    return next(word for word in summary(card).split() if word.startswith("RF"))


async def approve(office: Office, platform: str, rf: str) -> None:
    await office.tap(platform, QIAN, await office.card(platform, QIAN, rf, "同意"), "同意")


async def paid(office: Office) -> list[tuple[str, int, str]]:
    return [
        (e["details"]["order"], e["details"]["amount_minor"], e["details"]["currency"])
        for e in await office.refunds()
    ]


@both
async def test_approved_and_paid_without_waiting_for_a_buyer(office: Office, platform: str) -> None:
    number = await paid_order(office)
    rf = await ask(office, platform, number)
    await approve(office, platform, rf)
    await office.card(platform, LIN, rf, "已退款")
    assert await paid(office) == [(number, 10000, "USD")]
    at_shop = (await office.desk.shops[SHOP].get_order(number)).refunds
    assert [rf in refund.reason for refund in at_shop] == [True]
    refund = await office.desk.db.unit_of_work("0" * 16).refunds.get(rf)
    assert refund is not None
    assert refund.platform_refund_id == at_shop[0].platform_refund_id


@both
@pytest.mark.parametrize("kind", ["lost_answer", "reset", "5xx", "truncated"])
async def test_the_answer_is_lost_and_it_is_paid_once(office: Office, platform: str, kind: str) -> None:
    number = await paid_order(office)
    rf = await ask(office, platform, number)
    await office.post(
        "/faults", {"system": "shopify", "kind": kind, "count": 1, "args": {"path": "refundCreate"}}
    )
    await approve(office, platform, rf)
    await office.card(platform, LIN, rf, "已退款")
    assert await paid(office) == [(number, 10000, "USD")]


@both
async def test_the_money_that_went_back_counts_once(office: Office, platform: str) -> None:
    """After the shop's own copy has come in too, what is left is paid less refunded, not less twice that."""
    number = await paid_order(office)
    rf = await ask(office, platform, number)
    await approve(office, platform, rf)
    await office.card(platform, LIN, rf, "已退款")
    fresh = await office.desk.shops[SHOP].get_order(number)
    await upsert_orders(office.desk.db, [fresh], source="test")
    await office.say(platform, LIN, f"退款 {number} $29.01 破损")
    await office.text(platform, LIN, "最多还能退 $29.00")


@both
async def test_the_shop_says_no_and_the_card_says_why(office: Office, platform: str) -> None:
    number = await paid_order(office)
    rf = await ask(office, platform, number)
    await office.post("/faults", {"system": "shopify", "kind": "refund_fails", "count": 1})
    await approve(office, platform, rf)
    await office.card(platform, LIN, rf, "退款失败", "支付渠道拒绝")
    assert await paid(office) == []


@both
async def test_yuan_at_a_dollar_shop_are_refused_in_words(office: Office, platform: str) -> None:
    number = await paid_order(office)
    await office.say(platform, LIN, f"退款 {number} 100元 破损")
    await office.text(platform, LIN, "这张订单是 USD")
