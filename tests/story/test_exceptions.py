"""Exceptions on both platforms: found when the order comes in, dealt with on the card, closed by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.chat import SubjectRef
from domain.exception import StockLevel
from domain.outbox import Effect
from jobs import exceptions
from tests.office import LIN, PLATFORMS, QIAN, ZHAO, ZHOU, Office, holds, open_office, summary


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path) as made:
        yield made


async def run_job(office: Office) -> None:
    """As the clock does every ten minutes."""
    ports = office.desk.job_context("exceptions-test")
    await exceptions.run(replace(ports, due=office.desk.clock.now()))


async def actions(office: Office, subject: str) -> list[str]:
    import sqlalchemy as sa

    rows = await office.desk.db.read(
        lambda c: c.execute(
            sa.text(
                "SELECT action FROM audit WHERE subject_type = 'exception' AND subject_id = :id ORDER BY id"
            ),
            {"id": subject},
        ).scalars()
    )
    return list(rows)


def number_of(card: dict[str, Any]) -> str:
    words = summary(card).replace("\n", " ").split()
    return next(word for word in words if word.startswith("EX") and len(word) == 14)


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_remark_to_watch_is_taken_and_closed_with_a_reason(office: Office, platform: str) -> None:
    number = await office.order(buyer_message="麻烦放物业前台")
    card = await office.card(platform, LIN, "敏感备注", number[-12:], "放物业", "先看备注再发货")
    await office.tap(platform, LIN, card, "认领")
    card = await office.card(platform, LIN, "敏感备注", "林小满 在处理")
    await office.tap(platform, LIN, card, "为什么")
    await office.text(platform, LIN, "规则 exceptions.watch_word", "买家备注：放物业", "policies.exceptions")
    await office.tap(platform, LIN, card, "关闭")
    card = await office.card(platform, LIN, "请选关闭原因")
    await office.tap(platform, LIN, card, "已按备注处理")
    card = await office.card(platform, LIN, "敏感备注", "林小满关闭：已按备注处理")
    other = PLATFORMS[1 - PLATFORMS.index(platform)]
    await office.card(other, LIN, "敏感备注", "林小满关闭：已按备注处理")
    assert await actions(office, number_of(card)) == [
        "exception.raised",
        "exception.taken",
        "exception.closed",
    ]
    # The order is read again with the same remark: what a person has settled is not raised anew.
    await office.learn(number)
    await office.quiet()
    found = await office.desk.db.unit_of_work("t").exceptions.counts()
    assert found.get("watch_word", 0) == 0


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_an_address_that_was_put_right_closes_by_itself(office: Office, platform: str) -> None:
    number = await office.order(receiver={"city": ""})
    card = await office.card(platform, LIN, "地址电话", "补全地址")
    shop = office.sandbox.shops
    assert shop is not None
    trade = shop.platforms["taobao"].books.trades[number]  # type: ignore[attr-defined]  # the buyer edits it
    trade.receiver.city = "杭州市"
    office.sandbox.world.clock.advance(5)
    trade.modified = office.sandbox.world.clock.epoch_ms()
    await office.tap(platform, LIN, card, "刷新订单")
    await office.card(platform, LIN, "地址电话", "自动关闭：情况已恢复")


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_the_queue_is_paged_and_shows_what_concerns_me(office: Office, platform: str) -> None:
    for _ in range(6):
        await office.order(buyer_message="改地址")
    await office.quiet()
    await office.say(platform, ZHOU, "异常 敏感")
    card = await office.card(platform, ZHOU, "敏感备注 6 条", "第 1/2 页")
    await office.tap(platform, ZHOU, card, "下一页")
    card = await office.card(platform, ZHOU, "敏感备注 6 条", "第 2/2 页")
    await office.tap(platform, ZHOU, card, "1. 打开")
    await office.card(platform, ZHOU, "敏感备注", "改地址", "认领")
    await office.say(platform, QIAN, "异常")
    await office.card(platform, QIAN, "没有要处理的异常")  # finance has nothing to do with remarks
    await office.say(platform, ZHOU, "异常 天气")
    await office.text(platform, ZHOU, "没有“天气”这种异常")


async def test_many_at_once_come_as_one_card(office: Office) -> None:
    goods = [{"title": "沙发套", "sku": "SOFA", "num": 1, "price": "10.00"}]
    wish = {"payment": "10.00", "status": "paid", "items": goods, "buyer_message": "放门口"}
    made = await office.post("/orders", {"shop": "tmall-flagship", "orders": [wish] * 30})
    shop = office.desk.shops["tmall-flagship"]
    fresh = [await shop.get_order(one["platform_order_id"]) for one in made["orders"]]
    await office.desk.job_context("t").intake.store(fresh, source="test")
    await office.card("wecom", LIN, "敏感备注 30 条")
    await office.quiet()
    cards = [m for m in await office.messages("wecom", LIN) if m.get("card") and holds(m, "敏感备注")]
    assert len(cards) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_short_stock_is_the_warehouse_s_and_ends_when_it_is_filled(
    office: Office, platform: str
) -> None:
    await keep(office, StockLevel("HZ1", "SOFA-GREY-3", 60, 45), StockLevel("HZ1", "LAMP", 500))
    await run_job(office)
    card = await office.card(platform, ZHAO, "库存不足", "SOFA-GREY-3", "🟡")
    await keep(office, StockLevel("HZ1", "SOFA-GREY-3", 48, 45))
    await run_job(office)
    card = await office.card(platform, ZHAO, "库存不足", "🔴")
    assert "48" in summary(card)
    await keep(office, StockLevel("HZ1", "SOFA-GREY-3", 300, 45))
    await run_job(office)
    await office.card(platform, ZHAO, "库存不足", "自动关闭：情况已恢复")


async def keep(office: Office, *levels: StockLevel) -> None:
    uow = office.desk.db.unit_of_work("stock")
    uow.exceptions.keep_stock(levels)
    await uow.commit()


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_what_was_given_up_is_a_person_s_matter(office: Office, platform: str) -> None:
    uow = office.desk.db.unit_of_work("trace-dead")
    uow.send(Effect("refund.execute", SubjectRef("refund", "RF000000NONE")), key="dead")
    await uow.commit()
    await office.quiet()
    await run_job(office)
    card = await office.card(platform, ZHOU, "执行失败", "RF000000NONE", "重试")
    await office.tap(platform, ZHOU, card, "重试")
    await office.text(platform, ZHOU, "已重新开始")
    await office.card(platform, ZHOU, "执行失败", "周全关闭：已重试")
    await office.quiet()
    await run_job(office)  # it failed again: that is news again
    counts = await office.desk.db.unit_of_work("t").exceptions.counts()
    assert counts["effect"] == 1


async def test_an_order_that_stands_still_is_found_by_the_clock(office: Office) -> None:
    number = await office.order(status="shipped", waybill="SF1")
    office.sandbox.world.clock.advance(timedelta(days=11).total_seconds())
    await run_job(office)
    await office.card("dingtalk", ZHAO, "卡单", number[-12:], "已发货", "10 天")
