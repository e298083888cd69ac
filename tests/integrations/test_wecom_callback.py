"""Requests from WeCom: what is let in, under which key, and what is refused with which word."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from integrations.chat.wecom import CallbackRefused, verify_callback, verify_url
from integrations.chat.wecom.callback import MAX_BODY, read_query
from integrations.chat.wecom.crypto import Envelope
from tests.integrations.wecom_kit import CORP, KEY, NOW, TOKEN, VECTORS, envelope_of, outer, signed

APP = Envelope.of(TOKEN, KEY, CORP)
TEXT = (
    "<xml><ToUserName><![CDATA[ww1f2e3d4c5b6a7980]]></ToUserName><FromUserName><![CDATA[lisi]]></FromUserName>"
    "<CreateTime>1767229200</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[查单 {}]]></Content>"
    "<MsgId>7296381250917462016</MsgId><AgentID>1000002</AgentID></xml>"
)
EVENT = (
    "<xml><FromUserName><![CDATA[lisi]]></FromUserName><CreateTime>1767229200</CreateTime>"
    "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{}]]></Event><EventKey><![CDATA[]]></EventKey></xml>"
)
POSTS = [
    v for v in VECTORS["vectors"] if v.get("http", {}).get("method") == "POST" and v["receiveid"] == CORP
]


def refusal(query: str, body: bytes, **late: float) -> CallbackRefused:
    with pytest.raises(CallbackRefused) as refused:
        verify_callback(APP, query, body, NOW + timedelta(**late))
    return refused.value


@pytest.mark.parametrize(
    "vector", [v for v in POSTS if "<MsgType>" in v["message"]], ids=lambda v: str(v["id"])
)
def test_vectors_come_in_whole(vector: dict[str, Any]) -> None:
    verified = verify_callback(
        envelope_of(vector), vector["http"]["query"], vector["http"]["body"].encode(), NOW
    )
    assert verified.payload == vector["message"].encode()


@pytest.mark.parametrize(
    "vector", [v for v in VECTORS["negative_vectors"] if "encrypt" in v], ids=lambda v: str(v["id"])
)
def test_negative_vectors_get_their_status(vector: dict[str, Any]) -> None:
    query = f"msg_signature={vector['msg_signature']}&timestamp={vector['timestamp']}&nonce={vector['nonce']}"
    app, body = envelope_of(vector), outer(vector["encrypt"])
    if vector["expect_error"] is None:
        assert verify_callback(app, query, body, NOW).payload == vector["message"].encode()
        return
    with pytest.raises(CallbackRefused) as refused:
        verify_callback(app, query, body, NOW)
    assert refused.value.status == vector["expect_http_status"]


@pytest.mark.parametrize("case", VECTORS["xml_envelope_negatives"], ids=lambda c: str(c["id"]))
def test_bodies_that_are_no_envelope(case: dict[str, Any]) -> None:
    assert refusal("msg_signature=0&timestamp=1767229200&nonce=1", case["body"].encode()).status == 400


def test_url_verification_answers_the_plain_echo() -> None:
    vector = VECTORS["vectors"][0]
    assert verify_url(envelope_of(vector), vector["http"]["query"]) == vector["http"]["expect_body"]


def test_a_bare_plus_in_the_query_stays_a_plus() -> None:
    vector = VECTORS["vectors"][0]
    assert "+" in vector["encrypt"]
    query = (
        f"msg_signature={vector['msg_signature']}&timestamp={vector['timestamp']}&nonce={vector['nonce']}"
        f"&echostr={vector['encrypt']}"
    )
    assert verify_url(envelope_of(vector), query) == vector["message"]
    spoilt = query.replace("+", "%20")
    with pytest.raises(CallbackRefused, match="bad_signature"):
        verify_url(envelope_of(vector), spoilt)


def test_the_query_is_decoded_once() -> None:
    assert read_query("a=%2B&b=%252B&c&d=x%3Dy=z") == {"a": "+", "b": "%2B", "c": "", "d": "x=y=z"}
    assert read_query("n=" + quote("é/ +")) == {"n": "é/ +"}


def test_a_message_is_known_by_its_id_an_event_by_its_digest() -> None:
    assert verify_callback(APP, *signed(TEXT.encode()), NOW).key == "7296381250917462016"
    one = verify_callback(APP, *signed(EVENT.format("enter_agent").encode()), NOW)
    again = verify_callback(APP, *signed(EVENT.format("enter_agent").encode()), NOW)
    other = verify_callback(APP, *signed(EVENT.format("click").encode()), NOW)
    assert one.key == again.key != other.key
    assert (one.kind, other.kind) == ("event.enter_agent", "event.click")


def test_a_message_id_typed_by_a_person_is_not_the_key() -> None:
    forged = TEXT.format("<MsgId>1</MsgId>").encode()
    assert verify_callback(APP, *signed(forged), NOW).key == "7296381250917462016"


@pytest.mark.parametrize(
    ("seconds", "stale"), [(0, False), (599, False), (601, True), (-599, False), (-601, True)]
)
def test_only_fresh_timestamps(seconds: int, stale: bool) -> None:
    query, body = signed(TEXT.encode())
    if stale:
        assert refusal(query, body, seconds=seconds).reason == "stale_timestamp"
    else:
        assert verify_callback(APP, query, body, NOW + timedelta(seconds=seconds)).kind == "text"


def test_a_timestamp_that_is_no_number_is_stale() -> None:
    query, body = signed(TEXT.encode(), timestamp="1767229200.5")
    assert refusal(query, body).reason == "stale_timestamp"


def test_a_validly_signed_repeat_is_let_in() -> None:
    query, body = signed(TEXT.encode())
    assert verify_callback(APP, query, body, NOW) == verify_callback(APP, query, body, NOW)


def test_other_refusals() -> None:
    query, body = signed(TEXT.encode())
    assert refusal(query, body[:-30]).status == 400
    assert refusal(query, b"x" * (MAX_BODY + 1)).status == 413
    assert refusal("", body).reason == "bad_signature"
    assert refusal(query.replace("nonce=n1", "nonce=n2"), body).reason == "bad_signature"
    assert refusal(*signed(TEXT.encode(), receive_id="ww0000000000000000")).reason == "receiveid_mismatch"
    assert refusal(*signed(TEXT.encode("gb18030"))).reason == "not_utf8"
    assert refusal(*signed(b"<!DOCTYPE x><xml><MsgType>text</MsgType></xml>")).reason == "xml_dtd"
    assert refusal(*signed(b"")).status == 400


def test_a_refusal_tells_nothing_of_the_request() -> None:
    query, body = signed(TEXT.encode(), receive_id="ww0000000000000000")
    error = refusal(query, body)
    assert str(error) == "receiveid_mismatch"
    assert error.__cause__ is None
