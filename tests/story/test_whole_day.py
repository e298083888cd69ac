"""A whole day in a real browser, on both platforms: an order from the shop to the closing report of its war room, an
address that is no address, the night's books, the morning's digest. The clock is moved; nothing is waited for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from domain.clock import SHANGHAI, shanghai
from domain.policy import Policies
from domain.reconcile_policy import ReconcilePolicy
from sandbox.shops.taobao.amounts import time_text
from tests.browser import running_browser
from tests.office import PATIENCE, PLATFORMS, ZHOU, Office, holds, open_office
from tests.sandbox.taobao_kit import md5_sign
from tests.story.test_browser import SHOTS, be, card, type_in

both = pytest.mark.parametrize("platform", PLATFORMS)
SHOP = "tmall-flagship"
DAY = shanghai(datetime.now(UTC)).date() + timedelta(days=1)  # the clock only goes forward
NEXT = DAY + timedelta(days=1)
BOOKS = ReconcilePolicy(fee_ppm={"alipay-main": 6000}, accounts={"alipay-main": (SHOP,)})


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path, Policies(reconcile=BOOKS)) as opened:
        yield opened


@pytest.fixture
async def page(office: Office) -> AsyncIterator[Page]:
    """The console; nothing on it may go wrong."""
    async with running_browser() as browser:
        page = await browser.new_page(viewport={"width": 1440, "height": 1100}, locale="zh-CN")
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        expect.set_options(timeout=PATIENCE * 1000)
        await page.goto(f"{office.base}/")
        await expect(page.get_by_text("已连接")).to_be_visible()
        yield page
        expect.set_options(timeout=5000)
        assert problems == []


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI)


async def move(office: Office, moment: datetime) -> None:
    await office.post("/clock", {"now": moment.isoformat()})


async def shoot(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    await page.screenshot(path=SHOTS / f"day-{name}.png")


async def press(shown: Locator, name: str) -> None:
    """A button of a card, or a line of its ··· menu, which is where WeCom keeps what does not fit."""
    found = shown.get_by_role("button", name=name, exact=True)
    more = shown.get_by_role("button", name="更多操作")
    if await found.count() == 0 and await more.count():
        await more.click()
        found = shown.get_by_role("menuitem", name=name, exact=True)
    await found.click()


def said(page: Page, platform: str, *words: str) -> Locator:
    """The newest message of the bot in words."""
    found = page.get_by_test_id(platform).locator(".msg.bot")
    for word in words:
        found = found.filter(has_text=word)
    return found.last


async def sold(office: Office, **changes: Any) -> str:
    """An order that only the shop knows of."""
    goods = [{"title": "北欧布艺沙发套", "sku": "SOFA-GREY-3", "num": 1, "price": "129.00"}]
    wish = {"payment": "129.00", "status": "paid", "items": goods, **changes}
    made = await office.post("/orders", {"shop": SHOP, "orders": [wish]})
    await office.post("/clock", {"advance": 60})  # a minute later the shop's lists show it
    return str(made["orders"][0]["platform_order_id"])


async def ship(office: Office, number: str) -> None:
    """By the shop's own staff, at the shop."""
    shop = next(s for s in (await office.get("/credentials"))["shops"]["taobao"] if s["shop"] == SHOP)
    params = {
        "method": "taobao.logistics.offline.send",
        "app_key": shop["app_key"],
        "session": shop["session"],
        "timestamp": time_text(office.sandbox.world.clock.epoch_ms()),
        "format": "json",
        "v": "2.0",
        "sign_method": "md5",
        "tid": number,
        "out_sid": "SF1234567890123",
        "company_code": "SF",
    }
    signed = params | {"sign": md5_sign(params, shop["app_secret"])}
    async with office.http.post(shop["api_base"], data=signed) as answer:
        assert (await answer.json())["logistics_offline_send_response"]["shipping"]["is_success"]
    await office.post("/clock", {"advance": 60})


async def pull(office: Office, page: Page, platform: str) -> None:
    """The supervisor has the shops read now, and sees it done. The moved clock may have begun it already: then it
    does not run twice at once, and is asked for again."""
    await be(page, "周全")
    before, refused = await _seen(office, platform, "拉取订单 完成"), -1
    async with asyncio.timeout(PATIENCE):
        while await _seen(office, platform, "拉取订单 完成") == before:
            going, waiting = [await _seen(office, platform, words) for words in ("不再重复开始", "已在排队")]
            if refused != (refused := going + waiting):
                while await office.desk.db.unit_of_work("t").jobs.current("sync"):
                    await asyncio.sleep(0.05)
                await type_in(page, platform, "运行 sync")
            await asyncio.sleep(0.05)
    await expect(card(page, platform, "拉取订单", "完成")).to_be_visible()


async def _seen(office: Office, platform: str, words: str) -> int:
    return sum(holds(message, words) for message in await office.messages(platform, ZHOU))


@both
async def test_an_order_from_the_shop_to_the_report_of_its_war_room(
    office: Office, page: Page, platform: str
) -> None:
    await move(office, at(DAY, 9))
    number = await sold(office)
    await pull(office, page, platform)
    await be(page, "林小满")
    await type_in(page, platform, number)
    await expect(card(page, platform, number, "¥129.00", "已付款")).to_be_visible()

    await be(page, "赵仓")
    await move(office, at(NEXT, 21, 2))
    yellow = card(page, platform, number, "待发货", "还剩")
    await expect(yellow).to_contain_text("🟡")
    mark = re.search(r"AL\w{12}", await yellow.inner_text())
    assert mark
    await shoot(page, f"1-yellow-{platform}")
    await move(office, at(NEXT + timedelta(days=1), 9, 2))
    red = card(page, platform, mark[0], "已超时")
    await expect(red).to_contain_text("🔴")
    lights = page.get_by_test_id(platform).locator("article.card").filter(has_text=mark[0])
    await expect(lights).to_have_count(1)  # in place
    await press(red, "认领")
    await expect(card(page, platform, mark[0], "赵仓认领")).to_be_visible()
    await move(office, at(NEXT + timedelta(days=1), 13, 2))
    await be(page, "周全")
    up = card(page, platform, mark[0], "升级给主管")
    await expect(up).to_be_visible()
    await shoot(page, f"2-escalated-{platform}")
    await _in_the_room(office, page, platform, number, up)


async def _in_the_room(office: Office, page: Page, platform: str, number: str, light: Locator) -> None:
    """Opened by the button on the light; a task, the parcel, the end."""
    await press(light, "开作战室")
    pane = page.get_by_test_id(platform)
    room = card(page, platform, number, "风险金额", "负责人")
    await expect(room).to_be_visible()
    tab = pane.get_by_role("tab", name=re.compile("作战室"))
    await expect(tab).to_be_visible()
    await type_in(page, platform, "派活 @赵仓 核对 HZ1 库存 2小时")
    await be(page, "赵仓")
    task = card(page, platform, "任务 1", "核对 HZ1 库存")
    await expect(task).to_be_visible()
    await press(task, "完成")
    await expect(card(page, platform, "任务 1", "赵仓完成")).to_be_visible()
    await shoot(page, f"3-task-{platform}")
    await ship(office, number)
    await pull(office, page, platform)
    await expect(said(page, platform, "已解除")).to_be_visible()
    await expect(tab).to_be_visible()
    await tab.click()
    await expect(said(page, platform, "已付款 → 已发货")).to_be_visible()
    await shoot(page, f"4-room-{platform}")
    await pane.get_by_role("tab", name="单聊").click()
    await type_in(page, platform, "结束 原因：库存没同步 影响：1 单晚发 跟进：@赵仓 盘点 HZ1 明天18:00")
    mine = said(page, platform, "的报告")
    await expect(mine).to_be_visible()
    await shoot(page, f"5-ended-{platform}")
    link = re.search(r"https?://\S+", await mine.inner_text())
    assert link
    await page.goto(link[0])
    for words in (number, "库存没同步", "核对 HZ1 库存", "盘点 HZ1"):
        await expect(page.get_by_text(words).first).to_be_visible()
    await page.screenshot(path=SHOTS / f"day-6-report-{platform}.png", full_page=True)


@both
async def test_an_address_that_is_none_is_put_right_by_a_person(
    office: Office, page: Page, platform: str
) -> None:
    await move(office, at(DAY, 9))
    number = await sold(office, receiver={"city": "", "phone": "123"})
    await pull(office, page, platform)
    await be(page, "林小满")
    found = card(page, platform, "地址电话", number[-12:], "补全地址")
    await expect(found).to_be_visible()
    await shoot(page, f"7-address-{platform}")
    await press(found, "认领")
    await expect(card(page, platform, "地址电话", "林小满 在处理")).to_be_visible()
    await press(found, "关闭")
    asked = card(page, platform, "请选关闭原因")
    await expect(asked).to_be_visible()
    reason = asked.get_by_role("button").filter(has_not_text=re.compile("返回|取消|···")).first
    chosen = await reason.inner_text()
    await reason.click()
    await expect(card(page, platform, f"林小满关闭：{chosen}")).to_be_visible()
    await shoot(page, f"8-address-closed-{platform}")
    await type_in(page, platform, "异常")
    await expect(card(page, platform, "没有要处理的异常")).to_be_visible()


@both
async def test_the_night_s_books_and_the_morning_s_digest(office: Office, page: Page, platform: str) -> None:
    await move(office, at(DAY, 12))
    good, gone, less, twice = [await sold(office) for _ in range(4)]
    await pull(office, page, platform)
    wishes = [
        {"kind": "missing", "order_no": gone},
        {"kind": "amount", "order_no": less, "fen": -50},
        {"kind": "duplicate", "order_no": twice},
    ]
    await office.post("/payments", {"plant": wishes})
    await move(office, at(NEXT, 11))
    await be(page, "钱进")
    await type_in(page, platform, "对账 昨天")
    books = card(page, platform, f"对账 {DAY:%m-%d} 差异 3 笔", "应收", "¥516.00", "实收", "¥515.50")
    await expect(books).to_be_visible()
    for told in ("漏单", "金额不符", "重复"):
        await expect(books).to_contain_text(told)
    await shoot(page, f"9-books-{platform}")
    await press(books, "明细")
    listed = card(page, platform, "3 笔待处理", "漏单", "金额不符")
    await expect(listed).to_be_visible()
    assert good not in await listed.inner_text()
    await shoot(page, f"10-differences-{platform}")
    await be(page, "周全")
    digest = card(page, platform, f"日报 {DAY:%m-%d}", "新订单")
    await expect(digest).to_be_visible()
    picture = page.get_by_test_id(platform).locator(".msg.bot img").last
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300
    await digest.scroll_into_view_if_needed()
    await shoot(page, f"11-digest-{platform}")
    await press(digest, "看新订单")
    await expect(card(page, platform, "4 张订单")).to_be_visible()
