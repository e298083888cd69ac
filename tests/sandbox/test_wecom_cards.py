"""Template cards: every refusal of wecom.md §11.3, and what a phone shows."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.wecom import card_view, cards, content
from sandbox.wecom.errors import WecomError
from tests.sandbox.wecom_rig import approval

URL = "https://a.example"
MANY = [{"id": str(n), "text": "x"} for n in range(21)]
OPTIONS = [{"id": "a", "text": "甲"}, {"id": "b", "text": "乙"}]


def notice(**changes: Any) -> dict[str, Any]:
    card = {"card_type": "text_notice", "main_title": {"title": "t"}, "card_action": {"type": 1, "url": URL}}
    return {**card, **changes}


def news(**changes: Any) -> dict[str, Any]:
    return notice(card_type="news_notice", card_image={"url": URL, "aspect_ratio": 1.5}) | changes


def vote(**changes: Any) -> dict[str, Any]:
    card = {
        "card_type": "vote_interaction",
        "main_title": {"title": "t"},
        "checkbox": {"question_key": "q", "mode": 1, "option_list": OPTIONS},
        "submit_button": {"text": "提交", "key": "go"},
        "task_id": "t1",
    }
    return {**card, **changes}


def multiple(**changes: Any) -> dict[str, Any]:
    selects = [{"question_key": "q1", "option_list": OPTIONS}, {"question_key": "q2", "option_list": OPTIONS}]
    return vote(card_type="multiple_interaction", select_list=selects) | changes


BUTTON = {"text": "批准", "key": "k"}
JUMP = {"title": "看", "type": 1, "url": URL}
FACT = {"keyname": "订单", "value": "1"}

REFUSED = [
    (42031, approval(card_type="poster")),
    (42031, {}),
    (42014, approval(task_id="")),
    (42014, approval(task_id="中文")),
    (42014, approval(task_id="a b")),
    (42014, approval(task_id="x" * 129)),
    (42014, vote(task_id=None)),
    (42014, notice(action_menu={"action_list": [{"text": "a", "key": "k"}]})),
    (42027, approval(horizontal_content_list=[{"value": "1"}])),
    (42028, approval(horizontal_content_list=[{**FACT, "type": 1}])),
    (42029, approval(horizontal_content_list=[{**FACT, "type": 2}])),
    (42050, approval(horizontal_content_list=[{**FACT, "type": 3}])),
    (42035, approval(horizontal_content_list=[FACT] * 7)),
    (45034, approval(horizontal_content_list=[{**FACT, "type": 1, "url": "a.example"}])),
    (42028, notice(card_action={"type": 1})),
    (42030, notice(card_action={"type": 2})),
    (42045, notice(card_action=None)),
    (42045, notice(card_action={"type": 0})),
    (42045, approval(card_action={"type": 9})),
    (42033, notice(main_title={})),
    (42033, news(main_title={"desc": "only"})),
    (42033, approval(main_title=None)),
    (42033, news(vertical_content_list=[{"desc": "d"}])),
    (42036, news(vertical_content_list=[{"title": "t"}] * 5)),
    (42044, news(card_image=None)),
    (42044, news(card_image={"aspect_ratio": 1.5})),
    (42044, news(image_text_area={"title": "t"})),
    (40058, news(card_image={"url": URL, "aspect_ratio": 3})),
    (42033, notice(jump_list=[{"type": 1, "url": URL}])),
    (42028, notice(jump_list=[{"title": "看", "type": 1}])),
    (42042, notice(jump_list=[JUMP] * 4)),
    (42028, notice(quote_area={"type": 1})),
    (42038, approval(button_list=[])),
    (42038, approval(button_list=[{**BUTTON, "key": str(n)} for n in range(7)])),
    (42038, approval(button_list=[{"key": "k"}])),
    (42039, approval(button_list=[{"text": "批准"}])),
    (42039, approval(button_list=[{"text": "批准", "key": "k" * 1025}])),
    (42039, approval(button_list=[BUTTON, BUTTON])),
    (42028, approval(button_list=[{"text": "看", "type": 1}])),
    (42051, approval(action_menu={"action_list": [{"text": "a", "key": "k"}, {"text": "b", "key": "k"}]})),
    (40058, approval(action_menu={"action_list": [{"text": "a", "key": str(n)} for n in range(4)]})),
    (42043, approval(button_selection={"option_list": OPTIONS})),
    (42037, approval(button_selection={"question_key": "q", "option_list": []})),
    (42037, approval(button_selection={"question_key": "q", "option_list": MANY[:11]})),
    (42040, approval(button_selection={"question_key": "q", "option_list": [{"text": "x"}]})),
    (42040, approval(button_selection={"question_key": "q", "option_list": [{"id": "i" * 129, "text": "x"}]})),
    (42041, approval(button_selection={"question_key": "q", "option_list": [{"id": "i"}]})),
    (42037, vote(checkbox={"question_key": "q", "option_list": MANY})),
    (42043, vote(checkbox=None)),
    (42046, vote(submit_button={"text": "提交"})),
    (42049, vote(submit_button={"key": "go"})),
    (42047, multiple(select_list=[])),
    (42047, multiple(select_list=[{"question_key": str(n), "option_list": OPTIONS} for n in range(4)])),
    (42043, multiple(select_list=[{"question_key": "q", "option_list": OPTIONS}] * 2)),
    (40058, approval(horizontal_content_list="many")),
]  # fmt: skip


@pytest.mark.parametrize(("code", "card"), REFUSED)
def test_refused_with_the_stated_code(code: int, card: dict[str, Any]) -> None:
    with pytest.raises(WecomError) as refused:
        cards.check(card)
    assert refused.value.code == code


@pytest.mark.parametrize("card", [approval(), notice(), news(), vote(), multiple(), notice(jump_list=[JUMP])])
def test_accepted(card: dict[str, Any]) -> None:
    before = deepcopy(card)
    assert cards.check(card) == before


def test_task_id_is_not_looked_at_on_update() -> None:
    assert cards.check(approval(task_id=""), update=True)


def test_a_phone_cuts_long_strings_and_the_console_says_so() -> None:
    card = approval(
        main_title={"title": "长" * 40},
        horizontal_content_list=[{"keyname": "六个字的标签", "value": "v" * 31}],
    )
    shown = card_view.render(card)
    assert shown["title"] == "长" * 36 + "…"
    assert shown["fields"][0]["label"] == "六个字的标…"
    assert len(shown["warnings"]) == 3
    assert shown["warnings"][0] == "will be cut on a phone: main_title.title has 40 characters, shows 36"


def test_fields_a_kind_does_not_have_are_not_shown() -> None:
    shown = card_view.render(vote(horizontal_content_list=[FACT], action_menu={"action_list": "ignored"}))
    assert (shown["fields"], shown["menu"]) == ([], [])
    assert shown["submit"] == {"text": "提交", "action": "go"}
    assert shown["select"][0]["multiple"] is True


def test_shape_of_an_approval() -> None:
    shown = card_view.render(approval(), pending="approve")
    assert shown["state"] == "pending"
    assert [(b["text"], b["action"], b["style"]) for b in shown["buttons"]] == [
        ("批准", "approve", "primary"),
        ("驳回", "reject", "danger"),
    ]
    assert shown["menu"] == [{"text": "为什么", "action": "why"}]
    assert shown["fields"] == [{"label": "订单", "value": "1", "url": "https://a.example/1"}]
    assert shown["select"][0]["selected"] == "none"
    assert shown["source_color"] == "red"


def test_replace_text_ends_a_card_and_a_notice_is_final() -> None:
    over = card_view.render(approval(replace_text="已批准"))
    assert (over["state"], over["replace_text"]) == ("final", "已批准")
    assert over["select"][0]["disabled"] is True
    assert card_view.render(notice())["state"] == "final"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
WHOLE = [
    approval(),
    notice(jump_list=[JUMP], action_menu={"action_list": [{"text": "a", "key": "k"}]}, task_id="t"),
]
WHOLE += [news(vertical_content_list=[{"title": "t"}], quote_area={"type": 0}), vote(), multiple()]


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside, from the root."""
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, value in steps for place in [(*path, key), *_places(value, (*path, key))]]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_spoilt_card_is_refused_or_shown_never_a_crash(data: st.DataObject) -> None:
    card = deepcopy(data.draw(st.sampled_from(WHOLE)))
    *way, last = data.draw(st.sampled_from(_places(card)))
    node: Any = card
    for step in way:
        node = node[step]
    node[last] = data.draw(JSON)
    try:
        cards.check(card)
    except WecomError:
        return
    assert card_view.render(card)["kind"] == card["card_type"]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(content.KNOWN),
    st.dictionaries(
        st.sampled_from(
            ["content", "media_id", "title", "description", "url", "articles", "appid", "content_item"]
        ),
        JSON,
    ),
)
def test_a_spoilt_message_is_refused_or_read_never_a_crash(kind: str, body: dict[str, Any]) -> None:
    try:
        seen = content.read(kind, {kind: body}, lambda media_id: media_id)
    except WecomError:
        return
    assert isinstance(seen.text, str)
