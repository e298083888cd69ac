"""Event encryption: AES-256-CBC in a signed envelope (dingtalk.md §3.1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK = 32  # PKCS#7 block of the platform; AES itself works in 16
HEADER = 20  # 16 random bytes and a 4-byte length
_KEY = re.compile(r"[0-9A-Za-z]{43}")


class EnvelopeRefused(ValueError):
    """The envelope is not a good one; `code` is the documented number (900002 … 900010)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code


@dataclass(frozen=True)
class EventKeys:
    """`owner` is the Client ID for a console subscription, the corpId for one made through the API."""

    token: str = field(repr=False)
    encoding_aes_key: str = field(repr=False)
    owner: str


@lru_cache(maxsize=32)
def aes_key(encoding_aes_key: str) -> bytes:
    """Lenient Base64: real keys often carry non-zero trailing bits in the last character."""
    if not _KEY.fullmatch(encoding_aes_key):
        raise EnvelopeRefused(900004, "EncodingAESKey must be 43 letters and digits")
    return base64.b64decode(encoding_aes_key + "=")


def envelope_signature(token: str, timestamp: str, nonce: str, encrypt: str) -> str:
    joined = "".join(sorted((token, timestamp, nonce, encrypt)))
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


def unseal(keys: EventKeys, *, signature: str, timestamp: str, nonce: str, encrypt: str) -> bytes:
    """The message inside; raises EnvelopeRefused in the documented order of checks."""
    key = aes_key(keys.encoding_aes_key)
    if not timestamp:
        raise EnvelopeRefused(900002, "timestamp missing")
    if not nonce:
        raise EnvelopeRefused(900003, "nonce missing")
    expected = envelope_signature(keys.token, timestamp, nonce, encrypt)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise EnvelopeRefused(900005, "signature mismatch")
    return _message(_unpad(_decrypt(key, encrypt)), keys.owner.encode())


def _decrypt(key: bytes, encrypt: str) -> bytes:
    try:
        sealed = base64.b64decode(encrypt, validate=True)
    except (binascii.Error, ValueError):
        raise EnvelopeRefused(900008, "not Base64") from None
    if not sealed or len(sealed) % 16:
        raise EnvelopeRefused(900008, "not a whole number of blocks")
    decryptor = Cipher(AES(key), CBC(key[:16])).decryptor()
    return decryptor.update(sealed) + decryptor.finalize()


def _unpad(plain: bytes) -> bytes:
    """PKCS#7 with values 1..32: peers that pad to 16 are inside that range."""
    pad = plain[-1]
    if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
        raise EnvelopeRefused(900008, "illegal padding")
    return plain[:-pad]


def _message(plain: bytes, owner: bytes) -> bytes:
    if len(plain) < HEADER:
        raise EnvelopeRefused(900009, "shorter than its header")
    end = HEADER + int.from_bytes(plain[16:HEADER], "big")
    if end > len(plain):
        raise EnvelopeRefused(900009, "length field points past the end")
    if not hmac.compare_digest(plain[end:], owner):
        raise EnvelopeRefused(900010, "meant for another owner")
    return plain[HEADER:end]


def encrypt_message(keys: EventKeys, message: bytes, random16: bytes) -> str:
    key = aes_key(keys.encoding_aes_key)
    plain = random16 + len(message).to_bytes(4, "big") + message + keys.owner.encode()
    pad = BLOCK - len(plain) % BLOCK
    encryptor = Cipher(AES(key), CBC(key[:16])).encryptor()
    sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


def seal(
    keys: EventKeys, message: bytes, *, timestamp: str, nonce: str = "", random16: bytes = b""
) -> dict[str, str]:
    """The answer to an event push; `nonce` and `random16` are drawn when not given."""
    nonce = nonce or secrets.token_hex(8)
    encrypt = encrypt_message(keys, message, random16 or secrets.token_bytes(16))
    signature = envelope_signature(keys.token, timestamp, nonce, encrypt)
    return {"msg_signature": signature, "timeStamp": timestamp, "nonce": nonce, "encrypt": encrypt}
