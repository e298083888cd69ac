"""The morning digest on both platforms: by the job and asked for, for the eyes of each role."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from domain.clock import shanghai
from jobs import digest
from tests.office import LIN, PLATFORMS, QIAN, WU, ZHOU, Office, holds, open_office, summary


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path) as made:
        yield made


async def run_job(office: Office) -> None:
    """As the scheduler does, the morning after."""
    office.sandbox.world.clock.advance(timedelta(days=1).total_seconds())
    ports = office.desk.job_context("digest-test")
    await digest.run(replace(ports, due=office.desk.clock.now()))


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_the_digest_comes_with_what_matters_and_opens_the_rows(office: Office, platform: str) -> None:
    numbers = [await office.order("129.00") for _ in range(3)]
    await run_job(office)
    card = await office.card(platform, ZHOU, "日报", "新订单 3 单", "成交额 ¥387.00", "已付款")
    await office.tap(platform, ZHOU, card, "看新订单")
    await office.card(platform, ZHOU, "找到 3 张订单", numbers[0][-4:])
    assert not await seen(office, platform, WU, "日报")  # administrators see no orders


async def seen(office: Office, platform: str, who: object, *words: str) -> bool:
    await office.quiet()
    return any(holds(m, *words) for m in await office.messages(platform, who))  # type: ignore[arg-type]  # a Person


async def test_twice_the_same_morning_is_once(office: Office) -> None:
    await office.order()
    await run_job(office)
    await office.card("wecom", ZHOU, "日报")
    again = office.desk.job_context("digest-again")
    await digest.run(replace(again, due=office.desk.clock.now()))
    await office.quiet()
    found = [m for m in await office.messages("wecom", ZHOU) if m.get("card") and holds(m, "日报")]
    assert len(found) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_asked_for_subscribed_and_left(office: Office, platform: str) -> None:
    await office.order()
    today = shanghai(office.desk.clock.now()).date()
    await office.say(platform, LIN, "日报 今天")
    card = await office.card(platform, LIN, f"日报 {today:%m-%d}", "新订单 1 单")
    assert "成交额 ¥129.00" in summary(card)
    await office.say(platform, LIN, "日报 三十号")
    await office.text(platform, LIN, "看不懂日期")
    await office.say(platform, ZHOU, "退订")
    await office.text(platform, ZHOU, "不再发日报")
    await office.say(platform, LIN, "订阅")
    await office.text(platform, LIN, "每天早上")
    before = len(await office.messages(platform, LIN))
    await run_job(office)
    await office.quiet()
    assert len(await office.messages(platform, LIN)) > before
    assert not await seen(office, platform, ZHOU, "日报 ")


async def test_nothing_to_say_is_one_line(office: Office) -> None:
    await office.say("dingtalk", QIAN, "日报 昨天")
    text = await office.text("dingtalk", QIAN, "没有新订单")
    assert "\n" not in text
