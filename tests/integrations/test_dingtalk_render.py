"""How a neutral card looks in each of the platform's forms, and what is never let out."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import orjson
from hypothesis import given
from hypothesis import strategies as st

from cards.model import Button, Card, Field
from domain.chat import SubjectRef
from integrations.chat.dingtalk import forms
from integrations.chat.dingtalk.card import own_params, public_params
from integrations.chat.dingtalk.lint import Problem, card_problems, message_problems
from integrations.chat.dingtalk.markdown import plain
from integrations.chat.dingtalk.text import MAX_BYTES, MAX_CHARS, split, weight
from tests.integrations.dingtalk_kit import CARD, DONE, action, button

words = st.text(max_size=40)
button_lists = st.lists(st.builds(Button, words, words, words), max_size=7).map(tuple)
any_card = st.builds(
    Card,
    kind=words,
    subject=st.just(SubjectRef("order", "1")),
    title=words,
    summary=words,
    subtitle=words,
    fields=st.lists(st.builds(Field, words, words), max_size=6).map(tuple),
    lines=st.lists(words, max_size=4).map(tuple),
    buttons=button_lists,
    menu=button_lists,
    final=words,
    footer=words,
)


def msg_buttons(params: dict[str, str]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(params["sys_full_json_obj"])["msgButtons"]
    return found


def test_the_public_template() -> None:
    params = public_params(CARD)
    assert params["title"] == "🟡 退款 20.00 元 待审批"
    assert params["logo"] == ""
    assert params["tips"] == "编号 a1b2c3"
    assert params["markdown"] == (
        "天猫旗舰店 · R1001  \n**订单** 4102-7788  \n**收货人** 张＊ 138＊＊＊＊0001  \n10:02 林小满 提出"
    )
    assert msg_buttons(params)[0] == {
        "text": "同意",
        "color": "blue",
        "id": action("refund.approve"),
        "request": True,
        "params": {"action": action("refund.approve")},
    }


def test_rare_actions_come_last_and_gray() -> None:
    shown = [(b["text"], b["color"]) for b in msg_buttons(public_params(CARD))]
    assert shown == [("同意", "blue"), ("驳回", "red"), ("为什么", "gray")]


def test_a_card_in_a_group_names_the_group_in_its_buttons() -> None:
    assert msg_buttons(public_params(CARD, "cidG=="))[0]["params"] == {
        "action": action("refund.approve"),
        "chat": "cidG==",
    }


def test_a_final_card_has_no_buttons_and_says_what_to_type() -> None:
    params = public_params(DONE)
    assert msg_buttons(params) == []
    assert params["tips"] == "已退款 · 周全 · 可发 「为什么 R1001」 · 编号 a1b2c3"


def test_the_own_template_hides_its_buttons_once_final() -> None:
    live, final = own_params(CARD, "cidG=="), own_params(DONE)
    assert (live["button1_text"], live["button1_action"]) == ("同意", action("refund.approve"))
    assert (live["button3_text"], live["button4_text"], live["chat"]) == ("为什么", "", "cidG==")
    assert (final["status"], final["button1_text"], final["buttons"]) == ("已退款 · 周全", "", "[]")
    assert set(live) == set(final)  # an update by key must leave nothing of the live state behind


@given(any_card)
def test_values_are_always_strings(card: Card) -> None:
    for params in (public_params(card, "cid"), own_params(card)):
        assert [type(v) for v in params.values()] == [str] * len(params)
        assert not [p for p in card_problems(params) if "not a string" in p.text]


@given(words)
def test_peoples_words_are_never_markup(text: str) -> None:
    shown = plain(text)
    assert not re.search(r"[*`\[\]<>\\~|]", shown)
    assert not re.match(r"\s*([#+\-=]|\d+[.)]\s)", shown)
    assert "\n" not in shown


def test_what_looks_like_a_link_or_a_heading_stays_text() -> None:
    assert plain("# 免费\n[领取](http://x)") == "＃ 免费 ［领取］(http://x)"
    assert plain("SKU_A_1 _斜_") == "SKU_A_1 ＿斜＿"


@given(words)
def test_a_command_link_says_the_command(command: str) -> None:
    link = forms.command_link(command)
    assert link.isascii()
    assert not set("&#+ %") & set(link.removeprefix(forms.DTMD).replace("%", ""))
    assert forms.command_of(link) == command


def test_no_other_link_is_a_command() -> None:
    assert forms.command_of("https://example.com/?content=x") == ""


def test_an_action_card_with_one_two_three_and_more_buttons() -> None:
    many = tuple(button(f"按钮{n}", f"v{n}", f"命令 {n}") for n in range(1, 8))
    keys = {1: "sampleActionCard", 2: "sampleActionCard6", 3: "sampleActionCard3", 5: "sampleActionCard5"}
    for count, key in keys.items():
        form = forms.action_card_form(replace(CARD, buttons=many[:count], menu=()))
        assert form.msg_key == key
        links = [v for k, v in form.msg_param.items() if "url" in k.lower()]
        assert [forms.command_of(link) for link in links] == [f"命令 {n}" for n in range(1, count + 1)]
    overfull = forms.action_card_form(replace(CARD, buttons=many, menu=()))
    assert overfull.msg_key == "sampleActionCard5"
    assert "更多请发：命令 6、命令 7" in overfull.msg_param["text"]


def test_webhook_and_api_spellings_say_the_same() -> None:
    form = forms.action_card_form(CARD)
    part = form.webhook["actionCard"]
    assert isinstance(part, dict)
    assert [forms.command_of(b["actionURL"]) for b in part["btns"]] == [
        "同意 R1001",
        "驳回 R1001 原因",
        "为什么 R1001",
    ]
    assert (part["title"], part["text"]) == (form.msg_param["title"], form.msg_param["text"])


def test_a_final_action_card_is_plain_markdown() -> None:
    form = forms.action_card_form(DONE)
    assert form.msg_key == "sampleMarkdown"
    assert "已退款 · 周全" in form.msg_param["text"]


def test_words_only() -> None:
    text = forms.command_text(CARD, group=False)
    assert "收货人：张* 138****0001" in text
    assert text.splitlines()[-4:] == [
        "· 同意 R1001（同意）",
        "· 驳回 R1001 原因（驳回）",
        "· 为什么 R1001（为什么）",
        "编号 a1b2c3",
    ]
    assert "@我 发送：" in forms.command_text(CARD, group=True)
    assert "发送" not in forms.command_text(DONE, group=True)


def test_a_mark_stands_first_in_every_form() -> None:
    for form in (forms.text_form("好"), forms.markdown_form("题", "文"), forms.action_card_form(CARD)):
        shown = forms.marked(form, "（可能重复）")
        assert set(shown.msg_param) == set(form.msg_param)
        kind = str(shown.webhook["msgtype"])
        part = shown.webhook[kind]
        assert isinstance(part, dict)
        for said in (shown.msg_param, part):
            assert str(said.get("title", said.get("content"))).startswith("（可能重复）")


def test_ten_thousand_characters_go_in_parts_that_fit() -> None:
    text = "\n".join(f"第{n}行 🚀👨‍👩‍👧 订单 4102-{n:05d} 已发货" for n in range(400))
    assert len(text) > 10_000
    parts = split(text)
    assert "\n".join(parts) == text
    assert all(len(p) <= MAX_CHARS and weight(p) <= MAX_BYTES for p in parts)


@given(st.text(min_size=1, max_size=200), st.integers(4, 60))
def test_nothing_but_line_ends_is_lost_in_splitting(text: str, limit: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    parts = split(text, limit)
    assert "".join(parts).replace("\n", "").split() == text.replace("\n", "").split() or len(parts) > 1
    assert "".join("".join(parts).split()) == "".join(text.split()) or not text.strip()
    assert all(len(part) <= limit for part in parts) or not text.strip()


def test_what_people_see_as_one_character_is_not_torn() -> None:
    family, flag, thumb = "👨‍👩‍👧", "🇨🇳", "👍🏽"
    for sign in (family, flag, thumb):
        for part in split(("甲" + sign) * 20, 10):
            assert part.replace(sign, "").strip("甲") == ""


def test_quotes_weigh_double_and_more() -> None:
    assert all(weight(part) <= MAX_BYTES for part in split('"\n' * 5000))


def test_lint_names_each_problem() -> None:
    numbers: dict[str, object] = {"title": 3, "ok": "x"}
    assert card_problems(numbers) == [Problem(True, "title is int, not a string")]
    assert card_problems({"markdown": "字" * 400}) == [
        Problem(False, "markdown is 1200 bytes; 1024 are advised")
    ]
    assert [p.hard for p in card_problems({"sys_full_json_obj": "x" * 103_000})] == [True]
    twice = {"text": "同意", "id": "a"}
    shared = {"sys_full_json_obj": orjson.dumps({"msgButtons": [twice, twice]}).decode()}
    assert card_problems(shared) == [Problem(True, "two buttons share an id")]
    crowd = {"msgButtons": [{"text": "b", "id": str(n)} for n in range(9)]}
    assert [p.hard for p in card_problems({"sys_full_json_obj": json.dumps(crowd)})] == [False]
    assert message_problems({"text": "x" * 20_001}) != []
    assert message_problems({"msgParam": "x" * 15_001}) != []
    assert card_problems(dict(public_params(CARD))) == []
