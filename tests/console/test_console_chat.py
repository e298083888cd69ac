"""The two chat windows: say, tap, live changes, people, groups."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.console.fake_control import GROUP, FakeControl, Json
from tests.console.looks import message, opened, person
from tests.console.samples import ACTION_CARD, DINGTALK_CARD, FINAL_CARD, WECOM_CARD

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_enter_sends_what_was_typed_and_shift_enter_breaks_the_line(
    page: Page, control: FakeControl
) -> None:
    await opened(page, control)
    box = page.get_by_role("textbox", name="企业微信输入框")
    await box.fill("查单")
    await box.press("Shift+Enter")
    await box.press_sequentially("2026")
    await box.press("Enter")
    await expect(page.get_by_test_id("wecom").get_by_text("查单\n2026")).to_be_visible()
    assert control.written("/say") == [{"platform": "wecom", "user": "linxiaoman", "text": "查单\n2026"}]
    await expect(box).to_have_value("")


async def test_a_refused_text_is_shown_as_an_error_and_stays_in_the_input(
    page: Page, control: FakeControl
) -> None:
    await opened(page, control)
    control.refusal = "app: 'main' has no callback URL"
    box = page.get_by_role("textbox", name="钉钉输入框")
    await box.fill("帮助")
    await page.get_by_role("button", name="钉钉发送").click()
    await expect(page.get_by_role("alert")).to_have_text("app: 'main' has no callback URL")
    await expect(box).to_have_value("帮助")


async def test_the_enter_that_ends_an_input_method_word_does_not_send(
    page: Page, control: FakeControl
) -> None:
    await opened(page, control)
    box = page.get_by_role("textbox", name="企业微信输入框")
    await box.fill("cha dan")
    await box.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    await page.get_by_test_id("wecom").get_by_role("button", name="帮助").click()
    await expect(page.get_by_test_id("wecom").locator(".bubble")).to_have_text(["帮助"])
    assert [said["text"] for said in control.written("/say")] == ["帮助"]


async def test_quick_words_and_entering_the_app(page: Page, control: FakeControl) -> None:
    await opened(page, control)
    wecom = page.get_by_test_id("wecom")
    await wecom.get_by_role("button", name="查单").click()
    await expect(page.get_by_role("textbox", name="企业微信输入框")).to_have_value("查单 ")
    async with page.expect_response("**/sandbox/say"):
        await wecom.get_by_role("button", name="进入应用").click()
    assert control.written("/say") == [{"platform": "wecom", "user": "linxiaoman", "event": "enter_agent"}]


async def test_a_changed_card_changes_in_its_own_place(page: Page, control: FakeControl) -> None:
    control.put("w1", type="card", card=WECOM_CARD)
    control.put("w2", text="后来的消息")
    await opened(page, control)
    card = message(page, "w1")
    await expect(card.get_by_role("button", name="批准")).to_be_enabled()
    control.announce(control.put("w1", card=FINAL_CARD, updates=1))
    await expect(card.get_by_role("button", name="已由周全批准")).to_be_disabled()
    await expect(card).to_have_class("msg bot flash")
    await expect(card.get_by_text("已更新 1 次")).to_be_visible()
    ids = (
        await page.get_by_test_id("wecom").locator("[data-id]").evaluate_all("n => n.map(e => e.dataset.id)")
    )
    assert ids == ["w1", "w2"]


async def test_a_tap_sends_the_action_with_what_is_chosen(page: Page, control: FakeControl) -> None:
    control.put("w1", type="card", card=WECOM_CARD)
    control.on_tap = lambda _tap: control.announce(control.put("w1", card=FINAL_CARD))
    await opened(page, control)
    card = message(page, "w1")
    await card.get_by_label("驳回原因").select_option("凭证不足")
    await card.get_by_role("button", name="驳回").click()
    await expect(card.get_by_text("已由周全批准")).to_be_visible()
    assert control.written("/tap") == [
        {
            "platform": "wecom",
            "user": "linxiaoman",
            "message_id": "w1",
            "action": "refund.reject",
            "inputs": {"reason": "evidence"},
        }
    ]


async def test_a_card_waiting_for_its_tap_keeps_what_was_chosen(page: Page, control: FakeControl) -> None:
    control.put("w1", type="card", card=WECOM_CARD)
    control.on_tap = lambda _tap: control.announce(control.put("w1", card={**WECOM_CARD, "state": "pending"}))
    await opened(page, control)
    card = message(page, "w1")
    await card.get_by_label("驳回原因").select_option("凭证不足")
    await card.get_by_role("button", name="驳回").click()
    await expect(card.locator('[data-state="pending"]')).to_be_visible()
    await expect(card.get_by_label("驳回原因")).to_have_value("evidence")
    control.announce(control.put("w1", card=WECOM_CARD))
    await expect(card.get_by_label("驳回原因")).to_have_value("none")


async def test_the_corner_menu_opens_taps_and_closes(page: Page, control: FakeControl) -> None:
    control.put("w1", type="card", card=WECOM_CARD)
    await opened(page, control)
    await message(page, "w1").get_by_role("button", name="更多操作").click()
    why = message(page, "w1").get_by_role("menuitem", name="为什么")
    async with page.expect_response("**/sandbox/tap"):
        await why.click()
    await expect(why).to_be_hidden()
    assert [tap["action"] for tap in control.written("/tap")] == ["refund.why"]


async def test_boxes_of_a_vote_are_sent_as_a_list(page: Page, control: FakeControl) -> None:
    options = [{"id": "a", "text": "一"}, {"id": "b", "text": "二"}, {"id": "c", "text": "三"}]
    question = {"key": "q", "title": "", "options": options, "selected": ["b"], "multiple": True}
    submit = {"text": "提交", "action": "vote.submit"}
    control.put("w1", type="card", card={"kind": "vote_interaction", "select": [question], "submit": submit})
    await opened(page, control)
    await message(page, "w1").get_by_label("三").check()
    async with page.expect_response("**/sandbox/tap"):
        await message(page, "w1").get_by_role("button", name="提交").click()
    tap = control.written("/tap")[0]
    assert (tap["action"], tap["inputs"]) == ("vote.submit", {"q": ["b", "c"]})


async def test_a_dingtalk_card_is_tapped_and_its_failure_is_said(page: Page, control: FakeControl) -> None:
    ding: Json = {"platform": "dingtalk", "user": "0101"}
    control.put("d1", type="card", card=DINGTALK_CARD, **ding)
    await opened(page, control)
    await page.route(
        "**/sandbox/tap", lambda route: route.fulfill(json={"ok": False, "toast": "操作失败，请稍后重试"})
    )
    await message(page, "d1", "dingtalk").get_by_role("button", name="认领").click()
    await expect(page.get_by_role("alert")).to_have_text("操作失败，请稍后重试")
    await expect(message(page, "d1", "dingtalk").get_by_role("button", name="认领")).to_be_enabled()


async def test_dtmd_links_tap_and_web_links_open_a_page_of_their_own(
    page: Page, control: FakeControl
) -> None:
    control.put("d1", platform="dingtalk", user="0101", type="actioncard", card=ACTION_CARD)
    await opened(page, control)
    card = message(page, "d1", "dingtalk")
    for name in ("全部导出", "王** ¥259.00"):
        async with page.expect_response("**/sandbox/tap"):
            await card.get_by_role("button", name=name).click()
    spoken = "dtmd://dingtalkclient/sendMessage?content=%E5%AF%BC%E5%87%BA"
    assert [tap["action"] for tap in control.written("/tap")] == [spoken, "b1"]
    link = card.get_by_role("link", name="打开后台")
    await expect(link).to_have_attribute("href", "https://example.com/console")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")


async def test_switching_person_shows_that_person_only(page: Page, control: FakeControl) -> None:
    control.put("w1", text="给林小满")
    control.put("w2", user="zhouquan", text="给周全")
    control.put("d2", platform="dingtalk", user="0104", text="钉钉给周全")
    await opened(page, control)
    await expect(page.get_by_text("给林小满")).to_be_visible()
    await person(page, "周全 主管").click()
    await expect(message(page, "w2")).to_be_visible()
    await expect(message(page, "d2", "dingtalk")).to_be_visible()
    await expect(page.get_by_text("给林小满")).to_have_count(0)


async def test_news_of_somebody_else_marks_that_person(page: Page, control: FakeControl) -> None:
    await opened(page, control)
    control.announce(control.put("w2", user="zhouquan", text="请审批"))
    await expect(person(page, "周全 主管")).to_have_class("person unread")
    await person(page, "周全 主管").click()
    await expect(person(page, "周全 主管")).to_have_class("person")
    await expect(message(page, "w2")).to_be_visible()


async def test_the_group_has_its_own_tab_with_names_and_needs_a_mention(
    page: Page, control: FakeControl
) -> None:
    await opened(page, control)
    said = control.put(
        "g1", platform="dingtalk", user="0102", chat=GROUP, text="谁看一下", **{"from": "0102"}
    )
    control.announce(said)
    tab = page.get_by_role("tab", name="订单协同群")
    await expect(tab).to_have_class("tab unread")
    await tab.click()
    await expect(message(page, "g1", "dingtalk").get_by_text("赵仓")).to_be_visible()
    async with page.expect_response("**/sandbox/say"):
        await page.get_by_test_id("dingtalk").get_by_role("button", name="帮助").click()
    assert control.written("/say") == [
        {"platform": "dingtalk", "user": "0101", "chat": GROUP, "text": "@前哨 帮助"}
    ]


async def test_after_a_lost_connection_the_page_catches_up(page: Page, control: FakeControl) -> None:
    await opened(page, control)
    control.drop_streams()
    await expect(page.get_by_text("正在重连")).to_be_visible()
    control.put("w1", text="断线时来的")  # not announced: the page must ask by itself
    await expect(message(page, "w1")).to_be_visible()
    await expect(page.get_by_text("已连接")).to_be_visible()


async def test_what_the_platform_dropped_or_the_robot_missed_is_marked(
    page: Page, control: FakeControl
) -> None:
    control.put("w1", text="第 31 条", dropped=True)
    control.put("w2", text="在吗", delivery="failed", **{"from": "linxiaoman"})
    await opened(page, control)
    await expect(message(page, "w1").get_by_text("被平台丢弃")).to_be_visible()
    await expect(message(page, "w2").get_by_text("未送达：机器人没有应答")).to_be_visible()
