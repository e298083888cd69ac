"""Neutral cards as template cards: snapshots, the linter's rules, what a phone cuts."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from cards.model import Button, Field
from integrations.chat.wecom.card import left_out, render_card, render_update
from integrations.chat.wecom.lint import display_cuts, lint_card
from sandbox.wecom.cards import check
from sandbox.wecom.errors import WecomError
from tests.integrations.wecom_kit import final_card, refund_card

URL = "https://bot.example.com"
LINK = f"{URL}/console/orders/1?ticket=t"


def test_a_live_card() -> None:
    assert render_card(refund_card(), "c1", URL) == {
        "card_type": "button_interaction",
        "main_title": {"title": "🟡 退款 ¥128.00 待审批", "desc": "RF20260101001 · 天猫旗舰店"},
        "horizontal_content_list": [
            {"keyname": "订单", "value": "20260101-0001"},
            {"keyname": "申请人", "value": "王五"},
            {"keyname": "原因", "value": "破损"},
        ],
        "sub_title_text": "01-01 10:00 王五 申请退款\n追踪 7f3a9c",
        "action_menu": {
            "desc": "更多",
            "action_list": [{"text": "为什么", "key": "refund.why|refund|RF20260101001|3"}],
        },
        "button_list": [
            {"text": "同意", "style": 1, "key": "refund.approve|refund|RF20260101001|3"},
            {"text": "驳回", "style": 3, "key": "refund.reject|refund|RF20260101001|3"},
        ],
        "task_id": "c1",
    }


def test_an_update_to_the_final_state_greys_the_buttons() -> None:
    update = render_update(final_card(), "c1", URL)
    assert update["card_type"] == "button_interaction"
    assert update["replace_text"] == "已由周全同意"
    assert update["main_title"]["title"] == "🟢 退款 ¥128.00 已同意"
    assert update["action_menu"]["action_list"][0]["text"] == "为什么"
    assert lint_card(update) == []


def test_an_update_between_keeps_live_buttons() -> None:
    update = render_update(refund_card(title="退款 ¥128.00 请确认"), "c1", URL)
    assert "replace_text" not in update
    assert len(update["button_list"]) == 2


def test_a_card_final_from_the_start_is_a_notice_with_a_link() -> None:
    card = render_card(final_card(), "c1", URL)
    assert card["card_type"] == "text_notice"
    assert card["card_action"] == {"type": 1, "url": LINK}
    assert card["sub_title_text"].startswith("已由周全同意\n")
    assert lint_card(card) == []
    bare = render_card(refund_card(final="已撤回", menu=()), "c1", URL)
    assert bare["card_type"] == "text_notice"
    assert "button_list" not in bare
    assert "task_id" not in bare


def test_a_live_card_without_buttons_can_still_be_updated() -> None:
    """Only cards with buttons or a menu bring a response code (§4.1)."""
    plain = render_card(refund_card(buttons=(), menu=()), "c1", URL)
    assert plain["card_type"] == "button_interaction"
    assert plain["button_list"] == [{"type": 1, "text": "查看详情", "url": LINK, "style": 2}]
    menu = render_card(refund_card(buttons=()), "c1", URL)
    assert (menu["card_type"], menu["task_id"]) == ("text_notice", "c1")
    assert "action_menu" in menu
    assert lint_card(plain) == lint_card(menu) == []


def test_facts_beyond_six_go_into_the_text() -> None:
    fields = tuple(Field(f"项{n}", str(n)) for n in range(8))
    card = render_card(refund_card(fields=fields, lines=()), "c1", URL)
    assert len(card["horizontal_content_list"]) == 6
    assert card["sub_title_text"] == "项6：6\n项7：7\n追踪 7f3a9c"


def test_long_text_keeps_the_footer() -> None:
    long = refund_card(lines=tuple(f"第 {n} 行说明文字说明文字说明文字" for n in range(20)))
    text = render_card(long, "c1", URL)["sub_title_text"]
    assert len(text) <= 160
    assert text.endswith("…\n追踪 7f3a9c")
    assert left_out(long) != []
    assert left_out(refund_card()) == []


def test_a_card_without_a_page_leads_to_the_server() -> None:
    bare = render_card(replace(final_card(), link=""), "c1", URL + "/")
    assert bare["card_action"] == {"type": 1, "url": URL}


@pytest.mark.parametrize(
    "card",
    [
        refund_card(),
        final_card(),
        refund_card(buttons=()),
        refund_card(buttons=(), menu=()),
        refund_card(fields=(), lines=(), footer="", subtitle=""),
    ],
)
def test_what_we_render_passes_linter_and_simulator(card: Any) -> None:
    for shown in (render_card(card, "c1", URL), render_update(card, "c1", URL)):
        assert lint_card(shown) == []
        assert display_cuts(shown) == []
        check(shown)


def test_more_buttons_or_menu_entries_than_allowed_are_problems() -> None:
    many = tuple(Button(f"按钮{n}", f"v{n}|order|1|0", "x") for n in range(7))
    assert lint_card(render_card(refund_card(buttons=many), "c1", URL)) == ["button_list: 1 to 6 (42038)"]
    menu = lint_card(render_card(refund_card(menu=many[:4]), "c1", URL))
    assert menu == ["action_menu.action_list: 1 to 3"]


def test_display_cuts_are_told_apart_from_problems() -> None:
    card = render_card(refund_card(title="长" * 40, fields=(Field("六个字的标签", "值"),)), "c1", URL)
    assert lint_card(card) == []
    assert display_cuts(card) == ["main_title.title: 42 > 36", "horizontal_content_list[].keyname: 6 > 5"]


BUTTONS = render_card(refund_card(), "c1", URL)
TEXT = render_card(final_card(), "c1", URL)
NEWS: dict[str, Any] = {
    "card_type": "news_notice",
    "main_title": {"title": "日报"},
    "card_image": {"url": "https://a.example/1.png", "aspect_ratio": 1.5},
    "vertical_content_list": [{"title": "订单 12"}],
    "jump_list": [{"title": "打开", "type": 1, "url": "https://a.example"}],
    "card_action": {"type": 1, "url": "https://a.example"},
}
OPTIONS = [{"id": "1", "text": "一"}, {"id": "2", "text": "二"}]
VOTE: dict[str, Any] = {
    "card_type": "vote_interaction",
    "main_title": {"title": "投票"},
    "task_id": "t1",
    "checkbox": {"question_key": "q", "mode": 1, "option_list": OPTIONS},
    "submit_button": {"text": "提交", "key": "s"},
}
MULTIPLE: dict[str, Any] = {
    "card_type": "multiple_interaction",
    "main_title": {"title": "选择"},
    "task_id": "t1",
    "select_list": [
        {"question_key": "a", "option_list": OPTIONS},
        {"question_key": "b", "option_list": OPTIONS},
    ],
    "submit_button": {"text": "提交", "key": "s"},
}
GONE = object()


@pytest.mark.parametrize("card", [BUTTONS, TEXT, NEWS, VOTE, MULTIPLE], ids=lambda c: str(c["card_type"]))
def test_all_five_kinds_pass(card: dict[str, Any]) -> None:
    assert lint_card(card) == []
    check(card)


@pytest.mark.parametrize(
    ("card", "path", "value"),
    [
        (BUTTONS, "card_type", "other"),
        (BUTTONS, "main_title", GONE),
        (BUTTONS, "task_id", "有空格 "),
        (BUTTONS, "task_id", "x" * 129),
        (BUTTONS, "task_id", GONE),
        (BUTTONS, "button_list", []),
        (BUTTONS, "button_list.0.key", "x" * 1025),
        (BUTTONS, "button_list.0.key", BUTTONS["button_list"][1]["key"]),
        (BUTTONS, "button_list.0.text", ""),
        (BUTTONS, "button_list.0.style", 5),
        (BUTTONS, "button_list.0", {"type": 1, "text": "开", "url": "example.com"}),
        (BUTTONS, "action_menu.action_list", []),
        (BUTTONS, "action_menu.action_list.0.key", "订" * 342),
        (BUTTONS, "action_menu.action_list", [{"text": "a", "key": "k"}, {"text": "b", "key": "k"}]),
        (BUTTONS, "horizontal_content_list", [{"keyname": "a", "value": "b"}] * 7),
        (BUTTONS, "horizontal_content_list.0.keyname", ""),
        (BUTTONS, "horizontal_content_list.0.type", 1),
        (BUTTONS, "horizontal_content_list.0.type", 2),
        (BUTTONS, "horizontal_content_list.0.type", 3),
        (BUTTONS, "button_selection", {"question_key": "q", "option_list": OPTIONS * 6}),
        (BUTTONS, "button_selection", {"question_key": "q", "option_list": OPTIONS, "selected_id": "9"}),
        (BUTTONS, "source", {"desc_color": 4}),
        (BUTTONS, "quote_area", {"type": 1}),
        (BUTTONS, "card_action", {"type": 2}),
        (TEXT, "card_action", GONE),
        (TEXT, "card_action.type", 0),
        (TEXT, "card_action.url", "ftp"),
        (TEXT, "jump_list", [{"title": "x"}] * 4),
        (NEWS, "card_image", GONE),
        (NEWS, "card_image.aspect_ratio", 3),
        (NEWS, "vertical_content_list", [{"title": "x"}] * 5),
        (NEWS, "jump_list.0.title", ""),
        (VOTE, "checkbox.option_list", OPTIONS * 11),
        (VOTE, "checkbox.option_list.0.id", "x" * 129),
        (VOTE, "checkbox.mode", 2),
        (VOTE, "submit_button.key", GONE),
        (MULTIPLE, "select_list", []),
        (MULTIPLE, "select_list.1.question_key", "a"),
        (MULTIPLE, "submit_button", GONE),
    ],
)
def test_each_rule_refuses_what_the_simulator_refuses(card: dict[str, Any], path: str, value: object) -> None:
    broken = copy.deepcopy(card)
    *way, last = path.split(".")
    part: Any = broken
    for step in way:
        part = part[int(step)] if step.isdigit() else part[step]
    if value is GONE:
        del part[last]
    else:
        part[int(last) if last.isdigit() else last] = value
    assert lint_card(broken) != []
    with pytest.raises(WecomError):
        check(broken)
