"""Personal data at rest: AES-256-GCM for what is shown again, keyed digests for what is searched."""

from __future__ import annotations

import hmac
import os
import re
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.errors import WrongDataKey

_FORMAT = b"\x01"  # first byte of every sealed value, so that a later format can be told apart
_NONCE = 12
_DIGEST = 16  # bytes kept of each digest: enough against chance, half the index
_MIN_KEY = 16
_MOBILE_WITH_EXTENSION = re.compile(r"\D*(?:86)?(1[3-9]\d{9})(?:\D+\d{1,6})\D*$")


class DataKeys:
    """The keys made from the one `data_key` of the installation; lose it and receiver data is gone."""

    def __init__(self, data_key: bytes) -> None:
        if len(data_key) < _MIN_KEY:
            raise ValueError(f"data key: at least {_MIN_KEY} bytes, better 32")
        self._aead = AESGCM(_derive(data_key, b"qianshao seal v1"))
        self._digest_key = _derive(data_key, b"qianshao digest v1")
        self.link_key = _derive(data_key, b"qianshao link v1")  # signs addresses of staff pages

    def seal(self, text: str, place: str) -> bytes | None:
        """Encrypt for one `place` (column and row), so that a value copied elsewhere does not open."""
        return self.seal_bytes(text.encode(), place) if text else None

    def seal_bytes(self, data: bytes, place: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return _FORMAT + nonce + self._aead.encrypt(nonce, data, place.encode())

    def open(self, sealed: bytes | None, place: str) -> str:
        return self.open_bytes(sealed, place).decode() if sealed else ""

    def open_bytes(self, sealed: bytes, place: str) -> bytes:
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return self._aead.decrypt(nonce, body, place.encode())
        except InvalidTag as error:
            column = place.partition("|")[0]
            raise WrongDataKey(f"cannot decrypt {column}: another data key wrote it") from error

    def phone_digest(self, phone: str) -> bytes | None:
        """Digest of a full number, the same for every way to write it; None for less than seven digits."""
        digits = plain_phone(phone)
        return self._digest(f"phone:{digits}") if len(digits) >= 7 else None

    def name_digest(self, name: str) -> bytes | None:
        plain = "".join(unicodedata.normalize("NFKC", name).casefold().split())
        return self._digest(f"name:{plain}") if plain else None

    def mark(self, text: str) -> str:
        """A short sign that tells one text from another without giving anything of it away."""
        return self._digest(f"mark:{text}")[:6].hex()

    def fingerprint(self) -> bytes:
        """Tells one data key from another without giving anything of it away."""
        return self._digest("fingerprint")

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._digest_key, text.encode(), "sha256")[:_DIGEST]


def plain_phone(phone: str) -> str:
    """Digits only, without China's country code and without a platform's extension (`13900001234-5678`)."""
    mobile = _MOBILE_WITH_EXTENSION.match(phone)
    if mobile:
        return mobile.group(1)
    digits = "".join(c for c in phone if c.isdigit())
    for prefix in ("0086", "86"):
        rest = digits.removeprefix(prefix)
        if rest != digits and len(rest) == 11 and rest.startswith("1"):
            return rest
    return digits


def clear_tail(phone: str) -> str:
    """The last four digits of a clear number."""
    return plain_phone(phone)[-4:]


def _derive(data_key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(data_key)
