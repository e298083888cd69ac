"""The callback envelope: signature and AES-256-CBC of a self-built app (wecom.md §2.4, §2.5)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32  # PKCS#7 block in bytes: twice the cipher's own
AES_BLOCK = 16
HEADER = 20  # 16 random bytes and a 4-byte length stand before the message
_KEY = re.compile(r"[A-Za-z0-9]{43}")


class BadKey(ValueError):
    """The EncodingAESKey in the settings cannot be one."""


class EnvelopeError(ValueError):
    """The first check that failed: `reason` is a word for the log, never any content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_key(text: str, setting: str = "encoding_aes_key") -> bytes:
    """The 32-byte key. White space is stripped; unused bits in the last character are allowed (§2.1)."""
    stripped = text.strip()
    if not _KEY.fullmatch(stripped):
        raise BadKey(
            f"{setting} 要正好 43 位字母和数字，现在是 {len(stripped)} 位：到管理后台 → 应用管理 → 自建应用"
            " → 接收消息 → 设置API接收 重新复制"
        )
    return base64.b64decode(stripped + "=")


def block_cipher(key: bytes) -> Cipher[modes.CBC]:
    """Keeps the key; every message takes a fresh decryptor from it."""
    return Cipher(algorithms.AES(key), modes.CBC(key[:AES_BLOCK]))


def decrypt_blocks(cipher: Cipher[modes.CBC], data: bytes) -> bytes:
    """Decrypt and take the padding off, checking every byte of it. Accepts padding to 16 as well as 32."""
    if not data or len(data) % AES_BLOCK:
        raise EnvelopeError("bad_ciphertext")
    plain = cipher.decryptor().update(data)  # whole blocks only, so nothing is left for finalize
    pad = plain[-1]
    if not 1 <= pad <= BLOCK or not plain.endswith(_PADS[pad]):
        raise EnvelopeError("bad_padding")
    return plain[:-pad]


_PADS = tuple(bytes([n]) * n for n in range(BLOCK + 1))


@dataclass(frozen=True)
class Envelope:
    """One app's envelope; `receive_id` is the CorpID of a self-built app."""

    token: bytes
    receive_id: bytes
    cipher: Cipher[modes.CBC]

    @classmethod
    def of(cls, token: str, encoding_aes_key: str, receive_id: str) -> Envelope:
        return cls(token.strip().encode(), receive_id.encode(), block_cipher(parse_key(encoding_aes_key)))

    def signature(self, timestamp: bytes, nonce: bytes, encrypt: bytes) -> str:
        """SHA-1 over the four strings in byte order; the platform demands SHA-1."""
        joined = b"".join(sorted((self.token, timestamp, nonce, encrypt)))
        return hashlib.sha1(joined, usedforsecurity=False).hexdigest()

    def check(self, signature: str, timestamp: bytes, nonce: bytes, encrypt: bytes) -> None:
        expected = self.signature(timestamp, nonce, encrypt).encode()
        if not hmac.compare_digest(expected, signature.encode()):
            raise EnvelopeError("bad_signature")

    def decrypt(self, encrypt: bytes) -> bytes:
        """The message, after every check of §2.5 in its order. The signature is the caller's first step."""
        try:
            data = binascii.a2b_base64(encrypt, strict_mode=True)
        except binascii.Error:
            raise EnvelopeError("bad_ciphertext") from None
        plain = decrypt_blocks(self.cipher, data)
        if len(plain) < HEADER:
            raise EnvelopeError("bad_length")
        end = HEADER + int.from_bytes(plain[16:HEADER], "big")
        if end > len(plain):
            raise EnvelopeError("bad_length")
        if plain[end:] != self.receive_id:
            raise EnvelopeError("receiveid_mismatch")
        return plain[HEADER:end]

    def encrypt(self, message: bytes, random16: bytes | None = None) -> str:
        """`random16` is for known-answer tests only."""
        head = (random16 or os.urandom(16)) + len(message).to_bytes(4, "big")
        plain = head + message + self.receive_id
        pad = BLOCK - len(plain) % BLOCK
        encryptor = self.cipher.encryptor()
        data = encryptor.update(plain + _PADS[pad]) + encryptor.finalize()
        return base64.b64encode(data).decode()
