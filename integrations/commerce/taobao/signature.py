"""TOP request signature (platforms.md §3.1): raw UTF-8 values are signed, percent-encoding comes after."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping


def _md5(secret: bytes, text: bytes) -> str:
    return hashlib.md5(secret + text + secret, usedforsecurity=False).hexdigest()


def _hmac_md5(secret: bytes, text: bytes) -> str:
    return hmac.new(secret, text, "md5").hexdigest()


def _hmac_sha256(secret: bytes, text: bytes) -> str:
    return hmac.new(secret, text, "sha256").hexdigest()


_DIGESTS: dict[str, Callable[[bytes, bytes], str]] = {
    "md5": _md5,
    "hmac": _hmac_md5,
    "hmac-sha256": _hmac_sha256,
}


def text_to_sign(params: Mapping[str, str]) -> str:
    """Names and values joined in byte order of the names, without `sign` and empty values."""
    names = sorted((name for name, value in params.items() if value and name != "sign"), key=str.encode)
    return "".join(f"{name}{params[name]}" for name in names)


def sign(params: Mapping[str, str], secret: str, sign_method: str = "hmac-sha256") -> str:
    """Upper hex. `sign_method` md5 | hmac | hmac-sha256."""
    return _DIGESTS[sign_method](secret.encode(), text_to_sign(params).encode()).upper()
