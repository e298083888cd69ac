"""TOP request signatures, as the platform checks them (platforms.md §3.1)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping


def sign(params: Mapping[str, str], secret: str, sign_method: str) -> str:
    """The expected `sign`, or an empty text for a method the platform does not know."""
    text = "".join(k + params[k] for k in sorted(params, key=str.encode) if k != "sign" and params[k])
    key, data = secret.encode(), text.encode()
    match sign_method:
        case "md5":
            return hashlib.md5(key + data + key).hexdigest().upper()
        case "hmac":
            return hmac.new(key, data, "md5").hexdigest().upper()
        case "hmac-sha256":
            return hmac.new(key, data, "sha256").hexdigest().upper()
        case _:
            return ""


def signature_is_good(params: Mapping[str, str], secret: str) -> bool:
    expected = sign(params, secret, params.get("sign_method", "md5"))
    return bool(expected) and hmac.compare_digest(expected.encode(), params.get("sign", "").encode())
