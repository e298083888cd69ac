"""Every vector of wecom-crypto.json, and an independent library as oracle of what we encrypt."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.enterprise.crypto import WeChatCrypto

from integrations.chat.wecom.crypto import (
    BadKey,
    Envelope,
    EnvelopeError,
    block_cipher,
    decrypt_blocks,
    parse_key,
)
from integrations.chat.wecom.envelope import reply_xml
from tests.integrations.wecom_kit import CORP, KEY, TOKEN, VECTORS, envelope_of

GOOD = VECTORS["vectors"]
BAD = [v for v in VECTORS["negative_vectors"] if "encrypt" in v]
BAD_KEYS = [v for v in VECTORS["negative_vectors"] if "encrypt" not in v]


def _id(vector: dict[str, Any]) -> str:
    return str(vector["id"])


@pytest.mark.parametrize("vector", GOOD, ids=_id)
def test_good_vectors_both_ways(vector: dict[str, Any]) -> None:
    envelope = envelope_of(vector)
    encrypt, message = vector["encrypt"].encode(), vector["message"].encode()
    timestamp, nonce = str(vector["timestamp"]).encode(), vector["nonce"].encode()
    assert parse_key(vector["encoding_aes_key"]).hex() == vector["aes_key_hex"]
    assert envelope.signature(timestamp, nonce, encrypt) == vector["msg_signature"]
    envelope.check(vector["msg_signature"], timestamp, nonce, encrypt)
    assert envelope.decrypt(encrypt) == message
    assert envelope.encrypt(message, vector["random16"].encode()) == vector["encrypt"]


@pytest.mark.parametrize("vector", [v for v in GOOD if v["id"].startswith("reply-xml")], ids=_id)
def test_replies_are_the_documented_envelope(vector: dict[str, Any]) -> None:
    body = reply_xml(
        envelope_of(vector),
        vector["message"].encode(),
        str(vector["timestamp"]),
        vector["nonce"],
        vector["random16"].encode(),
    )
    assert body == vector["reply_body"]


@pytest.mark.parametrize("vector", BAD, ids=_id)
def test_bad_vectors_fail_at_the_check_they_name(vector: dict[str, Any]) -> None:
    envelope = envelope_of(vector)
    timestamp, nonce = vector["timestamp"].encode(), vector["nonce"].encode()

    def read() -> bytes:
        envelope.check(vector["msg_signature"], timestamp, nonce, vector["encrypt"].encode())
        return envelope.decrypt(vector["encrypt"].encode())

    if vector["expect_error"] is None:
        assert read() == vector["message"].encode()
        return
    with pytest.raises(EnvelopeError) as refused:
        read()
    assert (
        refused.value.reason in ("bad_padding", "bad_length")
        or refused.value.reason == vector["expect_error"]
    )
    if vector["expect_error"] != "bad_padding_or_length":
        assert refused.value.reason == vector["expect_error"]


@pytest.mark.parametrize("vector", BAD_KEYS, ids=_id)
def test_keys_are_checked_and_the_setting_is_named(vector: dict[str, Any]) -> None:
    if vector["expect_error"] is None:
        assert len(parse_key(vector["encoding_aes_key"])) == 32
        return
    with pytest.raises(BadKey, match="encoding_aes_key 要正好 43 位"):
        parse_key(vector["encoding_aes_key"])


@pytest.mark.parametrize("vector", VECTORS["media_vectors"], ids=_id)
def test_blocks_of_media_files(vector: dict[str, Any]) -> None:
    """The AI bot's files use the same blocks and padding; an app's media come in the clear."""
    text = vector["aeskey"]
    cipher = block_cipher(base64.b64decode(text + "=" * (-len(text) % 4)))
    assert decrypt_blocks(cipher, bytes.fromhex(vector["ciphertext_hex"])).hex() == vector["plaintext_hex"]


@given(st.text(max_size=300))
def test_an_independent_library_reads_our_replies(message: str) -> None:
    envelope = Envelope.of(TOKEN, KEY, CORP)
    body = reply_xml(envelope, message.encode(), "1767229202", "nonce1")
    signature = body.split("<MsgSignature><![CDATA[")[1][:40]
    oracle = WeChatCrypto(TOKEN, KEY, CORP)
    assert oracle.decrypt_message(body, signature, "1767229202", "nonce1") == message


@given(st.binary(max_size=200))
def test_no_ciphertext_breaks_the_reader(data: bytes) -> None:
    envelope = Envelope.of(TOKEN, KEY, CORP)
    with pytest.raises(EnvelopeError):
        envelope.decrypt(base64.b64encode(data))


def test_padding_is_always_to_32() -> None:
    envelope = Envelope.of(TOKEN, KEY, "")
    sizes = {len(base64.b64decode(envelope.encrypt(b"x" * n))) % 32 for n in range(40)}
    assert sizes == {0}
