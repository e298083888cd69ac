"""The envelope of HTTP event pushes: SHA-1 signature and AES-256-CBC (dingtalk.md §3.1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KEY_CHARACTERS = 43
PAD_BLOCK = 32
AES_BLOCK = 16
HEADER_BYTES = 20  # 16 random bytes and the 4-byte length


class EnvelopeRefused(Exception):
    """An envelope that cannot be trusted; `code` is one of 900002 … 900010."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass(frozen=True)
class EnvelopeKeys:
    """Token, EncodingAESKey and owner key (the Client ID for a console subscription)."""

    token: str
    encoding_aes_key: str
    owner: str

    @property
    def aes(self) -> bytes:
        """32 bytes; lenient Base64, because real keys carry trailing bits."""
        if len(self.encoding_aes_key) != KEY_CHARACTERS:
            raise EnvelopeRefused(900004)
        return base64.b64decode(self.encoding_aes_key + "=")


def signature(token: str, timestamp: str, nonce: str, encrypt: str) -> str:
    joined = "".join(sorted((token, timestamp, nonce, encrypt)))
    return hashlib.sha1(joined.encode()).hexdigest()


def seal(keys: EnvelopeKeys, plaintext: str, random16: bytes | None = None) -> str:
    """Encrypt; the length counts bytes, the padding goes to 32."""
    message = plaintext.encode()
    body = (random16 or os.urandom(16)) + len(message).to_bytes(4, "big") + message + keys.owner.encode()
    fill = PAD_BLOCK - len(body) % PAD_BLOCK
    encryptor = Cipher(algorithms.AES(keys.aes), modes.CBC(keys.aes[:16])).encryptor()
    sealed = encryptor.update(body + bytes([fill]) * fill) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


def unseal(keys: EnvelopeKeys, sign: str, timestamp: str, nonce: str, encrypt: str) -> str:
    """The plaintext, or EnvelopeRefused; checks run in the documented order."""
    aes = keys.aes
    if not timestamp:
        raise EnvelopeRefused(900002)
    if not nonce:
        raise EnvelopeRefused(900003)
    expected = signature(keys.token, timestamp, nonce, encrypt)
    if not hmac.compare_digest(expected.encode(), sign.encode()):
        raise EnvelopeRefused(900005)
    body = _decrypt(aes, encrypt)
    return _message(body, keys.owner)


def _decrypt(aes: bytes, encrypt: str) -> bytes:
    try:
        sealed = base64.b64decode(encrypt, validate=True)
    except binascii.Error as error:
        raise EnvelopeRefused(900008) from error
    if not sealed or len(sealed) % AES_BLOCK:
        raise EnvelopeRefused(900008)
    decryptor = Cipher(algorithms.AES(aes), modes.CBC(aes[:16])).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()
    fill = padded[-1]
    if not 1 <= fill <= PAD_BLOCK or padded[-fill:] != bytes([fill]) * fill:
        raise EnvelopeRefused(900008)
    return padded[:-fill]


def _message(body: bytes, owner: str) -> str:
    if len(body) < HEADER_BYTES:
        raise EnvelopeRefused(900009)
    end = HEADER_BYTES + int.from_bytes(body[16:HEADER_BYTES], "big")
    if end > len(body):
        raise EnvelopeRefused(900009)
    if body[end:] != owner.encode():
        raise EnvelopeRefused(900010)
    return body[HEADER_BYTES:end].decode()
