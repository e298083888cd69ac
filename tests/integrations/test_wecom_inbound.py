"""Decrypted XML to the domain's words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.chat import Account, Entered, Inbound, MenuClick, Message, Tap, Unhandled
from integrations.chat.wecom.inbound import read_inbound
from tests.integrations.wecom_kit import VECTORS

AT = datetime.fromtimestamp(1767229260, UTC)
LISI = Account("wecom", "main", "lisi")


def read(inner: str, kind: str = "x") -> Inbound:
    head = "<FromUserName><![CDATA[lisi]]></FromUserName><CreateTime>1767229260</CreateTime>"
    return read_inbound("main", kind, f"<xml>{head}{inner}</xml>".encode(), "k1")


def event(name: str, more: str = "") -> Inbound:
    return read(f"<MsgType>event</MsgType><Event><![CDATA[{name}]]></Event>{more}")


def test_text_is_trimmed() -> None:
    inner = "<MsgType>text</MsgType><Content><![CDATA[  查单 👍\u3000]]></Content><MsgId>1</MsgId>"
    assert read(inner) == Message("k1", LISI, AT, text="查单 👍")


def test_a_tap_carries_its_code_and_inputs() -> None:
    vector = next(v for v in VECTORS["vectors"] if v["id"] == "xml-template-card-event")
    assert read_inbound("main", "x", vector["message"].encode(), "k1") == Tap(
        "k1",
        LISI,
        AT,
        action="refund.approve:RF20260101001",
        card_id="refund-RF20260101001-v3",
        code="Wl7gUuR4aCdJ0q8sVfT2xk1ZbY5nHmPo",
        inputs={"reason": ("quality",)},
    )


def test_several_questions_and_options() -> None:
    selected = (
        "<SelectedItems><SelectedItem><QuestionKey>a</QuestionKey><OptionIds><OptionId>1</OptionId>"
        "<OptionId>2</OptionId></OptionIds></SelectedItem><SelectedItem><QuestionKey>b</QuestionKey>"
        "<OptionIds><OptionId>3</OptionId></OptionIds></SelectedItem></SelectedItems>"
    )
    tap = event("template_card_event", selected)
    assert isinstance(tap, Tap)
    assert tap.inputs == {"a": ("1", "2"), "b": ("3",)}


def test_menu_taps_are_taps() -> None:
    tap = event(
        "template_card_menu_event",
        "<EventKey>why</EventKey><TaskId>t1</TaskId><ResponseCode>rc</ResponseCode>",
    )
    assert isinstance(tap, Tap)
    assert (tap.action, tap.card_id, tap.code, tap.inputs) == ("why", "t1", "rc", {})


def test_menu_and_entering() -> None:
    assert event("click", "<EventKey>menu.pending</EventKey>") == MenuClick(
        "k1", LISI, AT, menu_key="menu.pending"
    )
    assert event("enter_agent") == Entered("k1", LISI, AT)


@pytest.mark.parametrize(
    "name", ["subscribe", "unsubscribe", "LOCATION", "change_contact", "brand_new_event"]
)
def test_other_events_are_kept_by_name(name: str) -> None:
    assert event(name) == Unhandled("k1", LISI, AT, kind=name)


@pytest.mark.parametrize("kind", ["image", "voice", "video", "location", "link", "hologram"])
def test_other_messages_are_kept_by_name(kind: str) -> None:
    assert read(f"<MsgType>{kind}</MsgType><MsgId>1</MsgId>") == Unhandled("k1", LISI, AT, kind=kind)


def test_what_cannot_be_read_is_unhandled() -> None:
    nothing = Account("wecom", "main", "")
    assert read_inbound("main", "text", b"{}", "k1") == Unhandled(
        "k1", nothing, datetime.fromtimestamp(0, UTC), kind="text"
    )
    twice = read("<MsgType>text</MsgType><MsgType>event</MsgType>", "unknown")
    assert twice == Unhandled("k1", LISI, AT, kind="unknown")


@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=40).map(lambda s: f"<xml><MsgType>event</MsgType>{s}</xml>".encode()),
    )
)
def test_nothing_makes_it_fail(payload: bytes) -> None:
    assert read_inbound("main", "x", payload, "k").key == "k"
