"""What a stored payload means: words, taps, and everything that is neither."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.chat import Account, Inbound, Message, Tap, Unhandled
from integrations.chat.dingtalk.inbound import Reader, reply_allowed
from tests.integrations.dingtalk_kit import NOW

BASE = "https://oapi.dingtalk.com"
READER = Reader("dingtalk", "main", BASE)
WEBHOOK = f"{BASE}/robot/sendBySession?session=0123456789abcdef0123456789abcdef"


def robot(**changes: Any) -> Inbound:
    payload = {
        "msgId": "m1",
        "msgtype": "text",
        "text": {"content": " 状态 "},
        "conversationType": "1",
        "conversationId": "cidDIRECT==",
        "senderStaffId": "0101",
        "createAt": 1767225600000,
        "sessionWebhook": WEBHOOK,
        "sessionWebhookExpiredTime": 1767231000000,
        **changes,
    }
    return READER.read("robot", json.dumps(payload).encode(), "robot:m1", NOW)


def tap(**changes: Any) -> Inbound:
    params = changes.pop("params", {"action": "refund.approve|refund|R1|3"})
    content = {"cardPrivateData": {"actionIds": changes.pop("ids", ["b1"]), "params": params}}
    payload = {
        "type": "actionCallback",
        "outTrackId": "c1",
        "userId": "0104",
        "userIdType": 1,
        "spaceType": "im",
        "spaceId": "cidG==",
        "content": json.dumps(content),
        "extension": "{}",
        "receivedAt": "1767225660000",
        **changes,
    }
    return READER.read("card", json.dumps(payload).encode(), "card:f1", NOW)


def test_words_said_one_to_one() -> None:
    said = robot()
    assert isinstance(said, Message)
    assert said.text == "状态"
    assert said.account == Account("dingtalk", "main", "0101")
    assert said.chat_id == ""
    assert said.at == datetime(2026, 1, 1, tzinfo=UTC)
    assert said.reply_url == WEBHOOK
    assert said.reply_until == datetime(2026, 1, 1, 1, 30, tzinfo=UTC)


def test_words_said_in_a_group() -> None:
    said = robot(conversationType="2", conversationId="cidG==")
    assert said.chat_id == "cidG=="


def test_an_outsider_matches_no_staff() -> None:
    assert robot(senderStaffId=None).account.user_id == ""


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"msgtype": "richText", "content": {"richText": [{"text": "查单 "}, {"text": "12"}]}}, "查单 12"),
        ({"msgtype": "audio", "content": {"recognition": "查单一二三"}}, "查单一二三"),
        ({"msgtype": "text", "text": {"content": "🚀" * 10_000}}, "🚀" * 10_000),
    ],
)
def test_other_ways_to_say_words(part: dict[str, Any], text: str) -> None:
    said = robot(**part)
    assert isinstance(said, Message)
    assert said.text == text


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"msgtype": "picture", "content": {"pictureDownloadCode": "d"}}, "picture"),
        ({"msgtype": "file", "content": {"fileName": "账单.xlsx"}}, "file"),
        ({"msgtype": "audio", "content": {"recognition": ""}}, "audio"),
        ({"msgtype": "richText", "content": {"richText": [{"type": "picture"}]}}, "richText"),
        ({"msgtype": "text", "text": None, "errorCode": "20001"}, "quota"),
        ({"msgtype": "text", "text": None, "errCode": 20001}, "quota"),
        ({"msgtype": "unknownMsgType"}, "unknownMsgType"),
    ],
)
def test_what_holds_no_words_is_kept_unhandled(part: dict[str, Any], kind: str) -> None:
    kept = robot(**part)
    assert isinstance(kept, Unhandled)
    assert (kept.kind, kept.account.user_id) == (kind, "0101")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://oapi.dingtalk.com/robot/sendBySession?session=1",
        "https://oapi.dingtalk.com.evil.example/robot/sendBySession?session=1",
        "https://oapi.dingtalk.com@evil.example/robot/sendBySession?session=1",
        "https://oapi.dingtalk.com:8443/robot/sendBySession?session=1",
        "https://oapi.dingtalk.com/robot/../gettoken?session=1",
        "https://oapi.dingtalk.com/robot/send?access_token=1",
        "https://169.254.169.254/robot/sendBySession",
        "https://[oapi.dingtalk.com/robot/sendBySession",
        "file:///robot/sendBySession",
    ],
)
def test_a_reply_address_elsewhere_is_not_believed(url: str) -> None:
    said = robot(sessionWebhook=url)
    assert isinstance(said, Message)
    assert (said.reply_url, said.reply_until) == ("", None)


def test_a_base_with_a_path_is_compared_whole() -> None:
    base = "http://127.0.0.1:9000/sandbox/dingtalk"
    assert reply_allowed(f"{base}/robot/sendBySession?session=1", base)
    assert not reply_allowed("http://127.0.0.1:9000/robot/sendBySession?session=1", base)


def test_a_reply_address_without_end_lives_ninety_minutes() -> None:
    said = robot(sessionWebhookExpiredTime=None)
    assert isinstance(said, Message)
    assert said.reply_until == said.at + timedelta(minutes=90)


def test_a_tap() -> None:
    tapped = tap(params={"action": "refund.approve|refund|R1|3", "reason": "破损", "photos": ["a", "b"]})
    assert isinstance(tapped, Tap)
    assert (tapped.action, tapped.card_id) == ("refund.approve|refund|R1|3", "c1")
    assert tapped.account.user_id == "0104"
    assert tapped.inputs == {"reason": ("破损",), "photos": ("a", "b")}
    assert tapped.at == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def test_a_tap_whose_template_drops_parameters_is_known_by_the_buttons_id() -> None:
    tapped = tap(params={}, ids=["refund.why|refund|R1|3"])
    assert isinstance(tapped, Tap)
    assert tapped.action == "refund.why|refund|R1|3"


def test_a_card_of_a_group_says_so_in_its_buttons() -> None:
    assert tap(params={"action": "a", "chat": "cidG=="}).chat_id == "cidG=="
    assert tap(params={"action": "a", "chat": "cidOTHER=="}).chat_id == ""
    assert tap(spaceType="IM_GROUP").chat_id == "cidG=="
    assert tap().chat_id == ""


def test_a_tap_by_union_id_proves_nobody() -> None:
    assert tap(userIdType=2).account.user_id == ""


@pytest.mark.parametrize("changes", [{"content": "not json"}, {"outTrackId": ""}, {"ids": [], "params": {}}])
def test_half_a_tap_is_unhandled(changes: dict[str, Any]) -> None:
    assert isinstance(tap(**changes), Unhandled)


def test_events_are_named() -> None:
    payload = json.dumps(
        {"EventType": "chat_disband", "OpenConversationId": "cidG==", "TimeStamp": "1767225600000"}
    )
    found = READER.read("event", payload.encode(), "event:e1", NOW + timedelta(days=1))
    assert isinstance(found, Unhandled)
    assert (found.kind, found.chat_id, found.at) == ("event:chat_disband", "cidG==", NOW)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    [
        "msgId", "msgtype", "text", "content", "value", "conversationType", "createAt", "sessionWebhook", "type",
        "sessionWebhookExpiredTime", "senderStaffId", "outTrackId", "userId", "userIdType", "spaceId", "EventType",
    ]
)  # fmt: skip


@given(st.sampled_from(["robot", "card", "event", "later"]), st.dictionaries(fields, json_values))
def test_no_payload_is_an_error(kind: str, payload: dict[str, Any]) -> None:
    assert READER.read(kind, json.dumps(payload).encode(), "k", NOW).key == "k"


@given(st.binary(max_size=60))
def test_no_bytes_are_an_error(payload: bytes) -> None:
    assert READER.read("robot", payload, "k", NOW).at == NOW
