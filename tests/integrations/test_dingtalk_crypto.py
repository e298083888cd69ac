"""Every vector of the event encryption and of the signatures, good and bad."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.chat.dingtalk import sign
from integrations.chat.dingtalk.crypto import (
    EnvelopeRefused,
    EventKeys,
    aes_key,
    encrypt_message,
    envelope_signature,
    seal,
    unseal,
)
from tests.integrations.dingtalk_kit import vectors

CRYPTO = vectors("crypto")
SIGN = vectors("sign")
ROBOT_REASONS = {"ok": "", "missing": "missing signature", "sign": "wrong signature"}
Json = dict[str, Any]


def name(vector: Json) -> str:
    return str(vector["name"])


def keys_of(vector: Json) -> EventKeys:
    return EventKeys(vector["token"], vector["encodingAesKey"], vector["ownerKey"])


def opened(vector: Json) -> bytes:
    return unseal(
        keys_of(vector),
        signature=vector["signature"],
        timestamp=vector["timestamp"],
        nonce=vector["nonce"],
        encrypt=vector["encrypt"],
    )


@pytest.mark.parametrize("vector", CRYPTO["good"], ids=name)
def test_good_envelopes_open(vector: Json) -> None:
    assert opened(vector).decode() == vector["expectPlaintext"]


@pytest.mark.parametrize("vector", CRYPTO["bad"], ids=name)
def test_bad_envelopes_are_refused_with_the_documented_code(vector: Json) -> None:
    with pytest.raises(EnvelopeRefused) as refused:
        opened(vector)
    assert refused.value.code == vector["expectErrorCode"]


@pytest.mark.parametrize("vector", CRYPTO["keyDerivation"], ids=lambda v: v["encodingAesKey"][:8])
def test_keys_with_loose_trailing_bits_are_read(vector: Json) -> None:
    assert aes_key(vector["encodingAesKey"]).hex() == vector["aesKeyHex"]


computed = [v for v in CRYPTO["good"] if "random16" in v and v["name"] != "pad16-peer"]


@pytest.mark.parametrize("vector", computed, ids=name)
def test_what_we_seal_is_what_others_seal(vector: Json) -> None:
    message = str(vector["expectPlaintext"]).encode()
    encrypt = encrypt_message(keys_of(vector), message, vector["random16"].encode())
    assert encrypt == vector["encrypt"]
    given_by = (vector["token"], vector["timestamp"], vector["nonce"], encrypt)
    assert envelope_signature(*given_by) == vector["signature"]


def test_the_success_answer_is_byte_for_byte_the_published_one() -> None:
    vector = next(v for v in CRYPTO["good"] if v["name"] == "reply-success")
    answer = seal(
        keys_of(vector),
        b"success",
        timestamp=vector["timestamp"],
        nonce=vector["nonce"],
        random16=vector["random16"].encode(),
    )
    assert answer == json.loads(vector["replyBody"])


@given(st.text(max_size=300), st.text(alphabet="0123456789", min_size=1, max_size=13))
def test_any_text_survives_sealing(message: str, timestamp: str) -> None:
    keys = EventKeys("tok3n", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "ding0001")
    sealed = seal(keys, message.encode(errors="replace"), timestamp=timestamp)
    back = unseal(
        keys,
        signature=sealed["msg_signature"],
        timestamp=sealed["timeStamp"],
        nonce=sealed["nonce"],
        encrypt=sealed["encrypt"],
    )
    assert back == message.encode(errors="replace")


@pytest.mark.parametrize("vector", SIGN["robotCallback"]["sign"], ids=name)
def test_robot_signatures(vector: Json) -> None:
    assert sign.robot_sign(vector["appSecret"], vector["timestamp"]) == vector["sign"]


@pytest.mark.parametrize("vector", SIGN["robotCallback"]["checks"], ids=name)
def test_robot_headers_are_accepted_or_refused(vector: Json) -> None:
    headers = vector["headers"]
    timestamp, given_sign = headers.get("timestamp", ""), headers.get("sign", "")
    problem = sign.robot_problem(vector["appSecret"], timestamp, given_sign, vector["nowMs"])
    if vector["reason"] == "timestamp":
        assert problem in {"stale timestamp", "bad timestamp"}
    else:
        assert problem == ROBOT_REASONS[vector["reason"]]


@pytest.mark.parametrize("vector", SIGN["customRobot"]["good"], ids=name)
def test_custom_robot_signatures_share_the_formula(vector: Json) -> None:
    assert sign.robot_sign(vector["secret"], vector["timestamp"]) == vector["sign"]


def card_problem(vector: Json) -> str:
    stamp = vector["headers"].get("x-ddpaas-signature-timestamp", "")
    signature = vector["headers"].get("x-ddpaas-signature", "")
    return sign.card_problem(vector["apiSecret"], stamp, signature, int(stamp))


@pytest.mark.parametrize("vector", SIGN["cardCallback"]["good"], ids=name)
def test_good_card_headers(vector: Json) -> None:
    assert card_problem(vector) == ""


@pytest.mark.parametrize("vector", SIGN["cardCallback"]["bad"], ids=name)
def test_bad_card_headers(vector: Json) -> None:
    assert card_problem(vector) != ""


def test_a_card_callback_of_yesterday_is_stale() -> None:
    vector = SIGN["cardCallback"]["good"][0]
    stamp = vector["headers"]["x-ddpaas-signature-timestamp"]
    signature = vector["headers"]["x-ddpaas-signature"]
    late = int(stamp) + 86_400_000
    assert sign.card_problem(vector["apiSecret"], stamp, signature, late) == "stale timestamp"
