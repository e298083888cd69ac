"""The whole story as a person does it: in a real browser, on the console, on both platforms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser import running_browser
from tests.office import Office

BOXES = {"wecom": "企业微信输入框", "dingtalk": "钉钉输入框"}
SHOTS = Path(".artifacts")


@pytest.fixture
async def page(office: Office) -> AsyncIterator[Page]:
    async with running_browser() as browser:
        context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        page = await context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(f"{office.base}/")
        await expect(page.get_by_text("已连接")).to_be_visible()
        yield page
        await context.close()
        assert problems == []


async def be(page: Page, name: str) -> None:
    await page.get_by_test_id("person").get_by_role("radio", name=name).click()


async def type_in(page: Page, platform: str, text: str) -> None:
    box = page.get_by_role("textbox", name=BOXES[platform])
    await box.fill(text)
    await box.press("Enter")


def card(page: Page, platform: str, *words: str) -> Locator:
    found = page.get_by_test_id(platform).locator("article.card")
    for word in words:
        found = found.filter(has_text=word)
    return found.last


@pytest.mark.parametrize("platform", ["wecom", "dingtalk"])
async def test_look_up_ask_approve_by_a_tap_and_see_the_money_go(
    office: Office, page: Page, platform: str
) -> None:
    number = await office.order("129.00")
    await be(page, "林小满")
    await type_in(page, platform, f"客户问 {number} 发了吗")
    await expect(card(page, platform, number, "¥129.00")).to_be_visible()
    await type_in(page, platform, f"退款 {number} 88 破损")
    mine = card(page, platform, "退款 ¥88.00", "待审批")
    await expect(mine).to_be_visible()
    await be(page, "钱进")
    await card(page, platform, "退款 ¥88.00").get_by_role("button", name="同意").click()
    await expect(card(page, platform, "退款 ¥88.00", "已退款")).to_be_visible()
    await expect(card(page, platform, "退款 ¥88.00").get_by_role("button", name="同意")).to_have_count(0)
    SHOTS.mkdir(exist_ok=True)
    await page.screenshot(path=SHOTS / f"approved-{platform}.png")
    await be(page, "林小满")
    await expect(card(page, platform, "退款 ¥88.00", "已退款", "钱进")).to_be_visible()
    assert len(await office.refunds()) == 1


async def test_reject_with_a_reason_through_the_buttons(office: Office, page: Page) -> None:
    number = await office.order("129.00")
    await be(page, "林小满")
    await type_in(page, "dingtalk", f"退款 {number} 88 破损")
    await be(page, "周全")
    approval = card(page, "wecom", "退款 ¥88.00")
    await approval.get_by_role("button", name="驳回").click()
    await approval.get_by_role("button", name="凭证不足").click()
    await expect(card(page, "wecom", "退款 ¥88.00", "已驳回")).to_be_visible()
    await be(page, "林小满")
    await expect(card(page, "dingtalk", "退款 ¥88.00", "已驳回", "凭证不足")).to_be_visible()


async def test_the_gallery_draws_every_card_on_both_platforms(office: Office, page: Page) -> None:
    from bot.gallery import shown_cards

    cards = shown_cards()
    await page.route("**/console/gallery.json", lambda route: route.fulfill(json=cards))
    await page.goto(f"{office.base}/static/gallery.html")
    await expect(page.locator(".gallery-row")).to_have_count(len(cards))
    await expect(page.locator(".gallery-row article.card")).to_have_count(2 * len(cards))
    SHOTS.mkdir(exist_ok=True)
    await page.screenshot(path=SHOTS / "gallery.png", full_page=True)
