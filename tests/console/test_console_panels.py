"""The world around the chats: raw exchanges, shops, effects, faults, switches, clock."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.console.fake_control import FakeControl
from tests.console.looks import message, opened, person, written_to
from tests.console.samples import fill

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_message_opens_its_raw_exchanges(page: Page, control: FakeControl) -> None:
    fill(control)
    await opened(page, control)
    await message(page, "w6").get_by_role("button", name="原文").click()
    drawer = page.get_by_test_id("drawer")
    await expect(drawer.get_by_text("/cgi-bin/message/send")).to_be_visible()
    await expect(drawer.locator("pre").first).to_contain_text('"template_card": {\n    "card_type": "x"')
    await message(page, "w1").get_by_role("button", name="原文").click()
    await expect(drawer.get_by_text("没有留下收发记录")).to_be_visible()


async def test_an_exchange_tied_to_a_message_after_it_was_drawn_is_found(
    page: Page, control: FakeControl
) -> None:
    fill(control)
    await opened(page, control)
    control.exchanges.append({**control.exchanges[0], "id": 9, "message_id": "", "target": "/late"})
    shown = next(row for row in control.rows if row["id"] == "w5")
    shown["exchange_ids"] = [9]  # no new seq, no event
    await message(page, "w5").get_by_role("button", name="原文").click()
    await expect(page.get_by_test_id("drawer").get_by_text("/late")).to_be_visible()


async def test_an_order_number_goes_into_the_input_used_last(page: Page, control: FakeControl) -> None:
    fill(control)
    await opened(page, control)
    await page.get_by_role("textbox", name="钉钉输入框").focus()
    await page.get_by_role("button", name="复制订单号 2026010500012346").click()
    await expect(page.get_by_role("textbox", name="钉钉输入框")).to_have_value("2026010500012346")
    await expect(page.get_by_role("textbox", name="企业微信输入框")).to_have_value("")


async def test_the_buyer_applies_for_a_refund(page: Page, control: FakeControl) -> None:
    fill(control)
    await opened(page, control)
    drawer = page.get_by_test_id("drawer")
    await expect(drawer.get_by_text("退款：等卖家同意 · ¥128.00")).to_be_visible()
    await drawer.get_by_role("button", name="买家申请退款 2026010500012347").click()
    await drawer.get_by_label("退款金额（元）").fill("36.5")
    await drawer.get_by_role("button", name="提交申请").click()
    await expect(page.get_by_role("status").get_by_text("买家已提交退款申请")).to_be_visible()
    wish = {"tid": "2026010500012347", "amount": "36.5", "reason": "不想要了"}
    assert control.written("/shops/taobao/buyer") == [wish]


async def test_orders_are_found_by_any_word_and_a_new_one_comes_in(page: Page, control: FakeControl) -> None:
    fill(control)
    await opened(page, control)
    drawer = page.get_by_test_id("drawer")
    await drawer.get_by_label("找订单").fill("12349")
    await expect(drawer.locator("[data-order]")).to_have_count(1)
    async with page.expect_response("**/sandbox/orders"):
        await drawer.get_by_role("button", name="来一单").click()
    assert control.written("/orders") == [{"count": 1}]


async def test_a_fault_is_planted_listed_and_cleared(page: Page, control: FakeControl) -> None:
    await opened(page, control)
    drawer = page.get_by_test_id("drawer")
    await drawer.get_by_role("tab", name="故障").click()
    await expect(drawer.get_by_text("refused with 45009")).to_be_visible()
    await drawer.get_by_label("怎样发作").select_option("几率 %")
    await drawer.get_by_label("次数或几率").fill("25")
    await drawer.get_by_label("限定接口").fill("message/send")
    await drawer.get_by_role("button", name="种下故障").click()
    await expect(drawer.get_by_text("25% 的几率 · path=message/send")).to_be_visible()
    await drawer.get_by_role("button", name="全部清除").click()
    await expect(drawer.get_by_text("没有故障")).to_be_visible()
    planted = {"system": "wecom", "kind": "429", "rate": 0.25, "args": {"path": "message/send"}}
    assert control.written("/faults") == [planted]
    assert control.written("/faults cleared") == [{}]


async def test_the_fault_menu_plants_with_one_click_and_counts(page: Page, control: FakeControl) -> None:
    await opened(page, control)
    await page.get_by_role("banner").get_by_role("button", name="故障").click()
    await page.get_by_role("menuitem", name="钉钉：Stream 连接半死").click()
    await expect(page.get_by_role("banner").get_by_role("button", name="故障 1")).to_be_visible()
    assert control.written("/faults") == [{"system": "dingtalk", "kind": "half_dead", "count": 1}]


async def test_the_clock_moves_and_shows_beijing_time(page: Page, control: FakeControl) -> None:
    control.now = "2026-01-05T01:02:03+00:00"
    await opened(page, control)
    await expect(page.get_by_test_id("clock").get_by_role("time")).to_contain_text("2026/01/05 09:02:03")
    for name in ("推进 10 分钟", "推进 1 小时", "推进 1 天"):
        async with page.expect_response(written_to("clock")):
            await page.get_by_role("button", name=name).click()
    assert control.written("/clock") == [{"advance": 600}, {"advance": 3600}, {"advance": 86400}]


async def test_an_effect_shows_without_a_reload(page: Page, control: FakeControl) -> None:
    await opened(page, control)
    drawer = page.get_by_test_id("drawer")
    await drawer.get_by_role("tab", name="外部效果").click()
    await expect(drawer.get_by_text("还没有任何")).to_be_visible()
    effect = {
        "system": "taobao",
        "kind": "refund",
        "key": "RF1",
        "at": control.now,
        "details": {"fee": 12800},
    }
    control.effects = [{**effect, "kind": "message", "key": "chatter"}, effect]
    control.publish({"event": "effect", "system": "taobao", "kind": "refund"})
    await expect(drawer.get_by_text("RF1")).to_be_visible()
    await expect(drawer.get_by_text("chatter")).to_have_count(0)


async def test_a_switch_is_turned_and_an_empty_one_goes_back(page: Page, control: FakeControl) -> None:
    await opened(page, control)
    drawer = page.get_by_test_id("drawer")
    await drawer.get_by_role("tab", name="开关").click()
    for value in ("5", ""):
        async with page.expect_response(written_to("switches")):
            await drawer.get_by_label("wecom.lag").fill(value)
            await drawer.get_by_label("wecom.lag").press("Tab")
        await expect(drawer.get_by_label("wecom.lag")).to_have_value("1")  # read again from the fake
    assert control.written("/switches") == [{"wecom.lag": "5"}, {"wecom.lag": None}]


async def test_a_warning_of_the_sandbox_is_said_aloud(page: Page, control: FakeControl) -> None:
    await opened(page, control)
    control.publish({"event": "warning", "platform": "wecom", "text": "the WeCom simulator has no GET /x"})
    await expect(page.get_by_role("alert")).to_have_text("the WeCom simulator has no GET /x")


@pytest.mark.parametrize(("width", "drawer_open"), [(1440, True), (1000, False)])
async def test_the_page_fits_its_width(
    page: Page, control: FakeControl, width: int, drawer_open: bool
) -> None:
    fill(control)
    await page.set_viewport_size({"width": width, "height": 800})
    await opened(page, control)
    await expect(page.get_by_test_id("drawer")).to_be_visible(visible=drawer_open)
    await expect(person(page, "周全 主管")).to_be_in_viewport(ratio=1)
    for pane in ("wecom", "dingtalk"):
        await expect(page.get_by_test_id(pane)).to_be_in_viewport(ratio=1)
    assert await page.evaluate("document.documentElement.scrollWidth") == width
