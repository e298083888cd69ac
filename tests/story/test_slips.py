"""A slip in a number changes nothing: it is never taken for another one. And every card's own words work typed."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from tests.office import LIN, PATIENCE, QIAN, ZHAO, Office, summary
from tests.story.test_lights import MORNING, both, red_card
from tests.story.test_reconcile import DAY, NOON, move
from tests.story.test_reconcile import MORNING as MORNING_AFTER


@both
async def test_a_wrong_number_takes_no_other_alert(office: Office, platform: str) -> None:
    number, _ = await red_card(office, platform)
    for slip in ("认领 AL000", "认领 那个", "静默 2小时 AL12", "转派 @周全 AL260310AB", "关闭预警 AL1 误报"):
        before = len(await office.messages(platform, ZHAO))
        await office.say(platform, ZHAO, slip)
        async with asyncio.timeout(PATIENCE):
            while len(shown := await office.messages(platform, ZHAO)) < before + 2:
                await asyncio.sleep(0.02)
        assert "没找到预警" in summary(shown[-1])
    await office.say(platform, ZHAO, "认领 EX260310ABCDEF")
    await office.text(platform, ZHAO, "认领异常 EX260310ABCDEF")
    await office.card(platform, ZHAO, number, "待认领")


@both
async def test_why_is_asked_of_an_exception_too(office: Office, platform: str) -> None:
    office.sandbox.world.clock.set(MORNING + timedelta(hours=1))
    await office.order(receiver={"city": ""})
    card = await office.card(platform, LIN, "地址电话")
    found = re.search(r"EX\d{6}\w{6}", summary(card))
    assert found
    await office.say(platform, LIN, f"为什么 {found[0]}")
    await office.text(platform, LIN, "规则 exceptions.address", "缺少")
    await office.say(platform, LIN, "为什么")
    await office.text(platform, LIN, "请带上编号")
    await office.say(platform, LIN, "为什么 EX000")
    await office.text(platform, LIN, "没找到异常单“EX000”")


@both
async def test_books_that_break_are_told_and_can_be_asked_for_again(
    office: Office, platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await move(office, NOON)
    await office.order()
    await move(office, MORNING_AFTER)
    alipay = type(office.desk.payments["alipay-main"])
    with monkeypatch.context() as broken:
        broken.setattr(alipay, "normalise_bill", lambda *_: 1 // 0)
        await office.say(platform, QIAN, f"对账 {DAY}")
        await office.card(platform, QIAN, f"对账 {DAY:%m-%d}", "没有算完")
        await office.card(platform, QIAN, "ZeroDivisionError", "重跑")
        await office.quiet()
    await office.say(platform, QIAN, f"对账 {DAY}")
    await office.card(platform, QIAN, f"对账 {DAY:%m-%d}", "¥129.00（1 笔）")
