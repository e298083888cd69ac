"""HTTP mode: what is let in, under which key, and what is turned away."""

from __future__ import annotations

import json

import pytest

from integrations.chat.dingtalk import CallbackRefused, sign
from integrations.chat.dingtalk.callback import MAX_BODY, verify_card, verify_event, verify_robot
from integrations.chat.dingtalk.crypto import EventKeys, seal, unseal
from tests.integrations.dingtalk_kit import NOW, settings

MS = str(int(NOW.timestamp() * 1000))
APP = settings()
KEYS = EventKeys(APP.token, APP.encoding_aes_key, APP.client_id)
BODY = json.dumps({"msgId": "msg1", "msgtype": "text", "text": {"content": "状态"}}).encode()
TAP = json.dumps({"type": "actionCallback", "outTrackId": "c1", "userId": "0104"}).encode()


def robot_headers(secret: str = APP.client_secret, timestamp: str = MS) -> dict[str, str]:
    return {"timestamp": timestamp, "sign": sign.robot_sign(secret, timestamp)}


def card_headers(secret: str = APP.client_secret, timestamp: str = MS) -> dict[str, str]:
    return {
        "X-Ddpaas-Signature-Timestamp": timestamp,
        "X-Ddpaas-Signature": sign.card_sign(secret, timestamp),
    }


def event(plain: dict[str, object] | bytes, keys: EventKeys = KEYS) -> tuple[dict[str, str], bytes]:
    message = plain if isinstance(plain, bytes) else json.dumps(plain).encode()
    sealed = seal(keys, message, timestamp=MS, nonce="n0nce")
    query = {"msg_signature": sealed["msg_signature"], "timestamp": MS, "nonce": "n0nce"}
    return query, json.dumps({"encrypt": sealed["encrypt"]}).encode()


def test_a_robot_message_is_keyed_by_its_id() -> None:
    verified = verify_robot(APP, robot_headers(), BODY, NOW)
    assert (verified.key, verified.kind, verified.payload) == ("robot:msg1", "robot", BODY)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "missing signature"),
        (robot_headers("another secret"), "wrong signature"),
        (robot_headers(timestamp=str(int(MS) - 3_600_001)), "stale timestamp"),
        (robot_headers(timestamp="soon"), "bad timestamp"),
    ],
)
def test_unsigned_foreign_and_stale_messages_are_refused(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(CallbackRefused) as refused:
        verify_robot(APP, headers, BODY, NOW)
    assert (refused.value.reason, refused.value.status) == (reason, 403)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[1, 2]", 400),
        (BODY[:-4], 400),
        ("{'msgId': '状态'}".encode("gb18030"), 400),
        (b'{"msgId": "' + b"x" * MAX_BODY + b'"}', 413),
        (b"[" * 100_000, 400),
    ],
)
def test_unreadable_bodies_are_refused(body: bytes, status: int) -> None:
    with pytest.raises(CallbackRefused) as refused:
        verify_robot(APP, robot_headers(), body, NOW)
    assert refused.value.status == status


def test_a_validly_signed_repeat_has_the_same_key() -> None:
    again = verify_robot(APP, robot_headers(timestamp=str(int(MS) + 20_000)), BODY, NOW)
    assert again.key == verify_robot(APP, robot_headers(), BODY, NOW).key


def test_two_taps_are_two_and_one_pushed_twice_is_one() -> None:
    first = verify_card(APP, card_headers(), TAP, NOW)
    again = verify_card(APP, card_headers(), TAP, NOW)
    later = verify_card(APP, card_headers(timestamp=str(int(MS) + 900)), TAP, NOW)
    assert first.key == again.key != later.key
    assert first.kind == "card"


def test_card_secret_of_its_own_replaces_the_apps() -> None:
    own = settings(card_api_secret="own")
    assert verify_card(own, card_headers("own"), TAP, NOW).kind == "card"
    with pytest.raises(CallbackRefused):
        verify_card(own, card_headers(APP.client_secret), TAP, NOW)


def test_an_event_is_opened_and_answered_with_success() -> None:
    query, body = event({"EventType": "bpms_instance_change", "eventId": "e7"})
    verified, answer = verify_event(APP, query, body, NOW)
    reply = json.loads(answer)
    word = unseal(
        KEYS,
        signature=reply["msg_signature"],
        timestamp=reply["timeStamp"],
        nonce=reply["nonce"],
        encrypt=reply["encrypt"],
    )
    assert (verified.key, verified.kind, word) == ("event:e7", "event", b"success")


def test_an_event_without_id_is_keyed_by_its_content() -> None:
    first, _ = verify_event(APP, *event({"EventType": "check_url"}), NOW)
    again, _ = verify_event(APP, *event({"EventType": "check_url"}), NOW)
    other, _ = verify_event(APP, *event({"EventType": "chat_disband"}), NOW)
    assert first.key == again.key != other.key


def test_an_isv_address_check_gets_its_random_back() -> None:
    _, answer = verify_event(APP, *event({"EventType": "check_create_suite_url", "Random": "Zq1"}), NOW)
    reply = json.loads(answer)
    signature, stamp = reply["msg_signature"], reply["timeStamp"]
    word = unseal(KEYS, signature=signature, timestamp=stamp, nonce=reply["nonce"], encrypt=reply["encrypt"])
    assert word == b"Zq1"


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        (EventKeys("otherToken", APP.encoding_aes_key, APP.client_id), 403),
        (EventKeys(APP.token, APP.encoding_aes_key, "dingsomebodyelse"), 400),
    ],
)
def test_events_for_others_are_refused(keys: EventKeys, status: int) -> None:
    with pytest.raises(CallbackRefused) as refused:
        verify_event(APP, *event({"EventType": "check_url"}, keys), NOW)
    assert refused.value.status == status


def test_an_event_that_holds_no_json_is_refused() -> None:
    with pytest.raises(CallbackRefused):
        verify_event(APP, *event(b"\xff\xfe"), NOW)
    with pytest.raises(CallbackRefused):
        verify_event(APP, {}, b'{"encrypt": 5}', NOW)
