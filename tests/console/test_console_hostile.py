"""Texts come from strangers: nothing in them runs, loads or leads elsewhere. And how Markdown is drawn."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.console.fake_control import FakeControl
from tests.console.looks import message, opened
from tests.console.samples import DINGTALK_CARD, WECOM_CARD

pytestmark = pytest.mark.asyncio(loop_scope="module")

ATTACK = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


def poisoned(value: Any) -> Any:
    """The same card with the attack in every text of it."""
    if isinstance(value, str):
        return f"{value}{ATTACK}"
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    if isinstance(value, dict):
        keep = ("kind", "state", "style", "source_color", "url", "replace_text")
        return {key: item if key in keep else poisoned(item) for key, item in value.items()}
    return value


async def test_hostile_text_stays_text_everywhere(page: Page, control: FakeControl) -> None:
    control.put("w1", type="text", text=ATTACK)
    control.put("w2", type="markdown", text=f'# {ATTACK}\n> **{ATTACK}**\n<font color="info">{ATTACK}</font>')
    control.put("w3", type="card", card=poisoned(WECOM_CARD))
    control.put("d1", type="card", card=poisoned(DINGTALK_CARD), platform="dingtalk", user="0101")
    control.orders = [{"platform_order_id": "1", "shop": ATTACK, "buyer": ATTACK, "items": [ATTACK]}]
    await opened(page, control)
    await expect(message(page, "w1").get_by_text(ATTACK)).to_be_visible()
    await expect(message(page, "d1", "dingtalk").get_by_role("button", name=f"认领{ATTACK}")).to_be_visible()
    await expect(message(page, "w3").get_by_text(f"申请人{ATTACK}")).to_be_visible()
    assert await page.locator("main img, main script").count() == 0
    assert await page.evaluate("window.hacked") is None


async def test_script_addresses_are_no_links_and_no_foreign_picture_is_loaded(
    page: Page, control: FakeControl
) -> None:
    text = "[点我](javascript:alert(1)) [数据](data:text/html,x) ![图](https://far.example/p.png) [好](https://good.example/)"
    control.put("d1", platform="dingtalk", user="0101", type="markdown", text=text)
    control.put("w1", type="text", text='看 <a href="javascript:alert(1)">这里</a>')
    button = {"text": "坏", "action": "", "style": 1, "url": "javascript:alert(1)"}
    control.put(
        "w2", type="card", card={**WECOM_CARD, "buttons": [button], "image": "https://far.example/c.png"}
    )
    await opened(page, control)
    await expect(message(page, "d1", "dingtalk").get_by_text("点我")).to_be_visible()
    links = page.locator("main .messages a")
    assert await links.evaluate_all("nodes => nodes.map(n => n.href)") == [
        "http://127.0.0.1/console/orders/1",
        "https://good.example/",
    ]
    assert await page.locator("main .messages img").count() == 0


async def test_each_client_draws_its_own_markdown(page: Page, control: FakeControl) -> None:
    text = "一行\n二行\n- 列表\n收货 王** 138****1234"
    control.put("w1", type="markdown", text=text)
    control.put("d1", platform="dingtalk", user="0101", type="markdown", text=text + "  \n**粗** 完")
    await opened(page, control)
    await expect(message(page, "w1").locator(".md br")).to_have_count(3)
    await expect(message(page, "w1").locator(".md li")).to_have_count(0)
    drawn = message(page, "d1", "dingtalk").locator(".md")
    await expect(drawn.locator("p").first).to_have_text("一行 二行")
    await expect(drawn.locator("li")).to_have_text(["列表"])
    await expect(drawn.locator("strong")).to_have_text(["粗"])
    await expect(drawn.get_by_text("王** 138****1234")).to_be_visible()


async def test_lamps_are_drawn_and_stay_in_the_text(page: Page, control: FakeControl) -> None:
    control.put("w1", type="card", card=WECOM_CARD)
    await opened(page, control)
    title = message(page, "w1").get_by_role("heading", name="🟡 退款 ¥128.00 待审批")
    await expect(title.locator(".lamp-yellow")).to_have_text("🟡")


async def test_ten_thousand_hostile_characters_do_not_stall_the_page(
    page: Page, control: FakeControl
) -> None:
    for number, piece in enumerate(("**a", "[", "`", '<font color="info">', "> ", "- ", "![](")):
        control.put(f"w{number}", type="markdown", text=piece * (10_000 // len(piece)))
    control.put("end", text="到头了")
    await opened(page, control)
    await expect(message(page, "end")).to_be_visible()


async def test_the_card_modules_draw_for_another_page(page: Page, control: FakeControl) -> None:
    """The gallery imports them by address and gets plain DOM nodes."""
    await opened(page, control)
    drawn = await page.evaluate(
        """async ([wecom, dingtalk]) => {
          const { drawWecom } = await import("/sandbox/static/card-wecom.js");
          const { drawDingtalk } = await import("/sandbox/static/card-dingtalk.js");
          const tapped = [];
          const nodes = [drawWecom(wecom, (action) => tapped.push(action)), drawDingtalk(dingtalk)];
          nodes[0].querySelector(".wc-button").click();
          return [nodes.map((node) => node.querySelector("h3").textContent), tapped];
        }""",
        [WECOM_CARD, DINGTALK_CARD],
    )
    assert drawn == [["🟡 退款 ¥128.00 待审批", "🔴 订单 2026010500012345 超时未发"], ["refund.approve"]]
