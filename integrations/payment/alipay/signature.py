"""RSA2 of the Alipay gateway (platforms.md §5.1): requests, raw answers, notifications."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from integrations.payment import keys

ERROR_NODE = "error_response"


def text_to_sign(params: Mapping[str, str], *, without: frozenset[str] = frozenset({"sign"})) -> str:
    """Non-empty values, unescaped, in the order of their names."""
    return "&".join(
        f"{name}={params[name]}" for name in sorted(params) if params[name] and name not in without
    )


def sign(params: Mapping[str, str], key: RSAPrivateKey) -> str:
    """Of a request: `sign_type` is signed too."""
    return keys.sign(text_to_sign(params).encode(), key)


def notice_is_good(form: Mapping[str, str], key: RSAPublicKey) -> bool:
    """Of a notification's decoded form: neither `sign` nor `sign_type` is signed."""
    text = text_to_sign(form, without=frozenset({"sign", "sign_type"}))
    return keys.verifies(text.encode(), form.get("sign", ""), key)


def node_of(body: str, method: str) -> tuple[str, dict[str, Any]] | None:
    """The answer's own JSON text as it was signed, escapes kept, and its meaning; None when there is none."""
    for name in (f"{method.replace('.', '_')}_response", ERROR_NODE):
        at = body.find(f'"{name}"')
        start = body.find("{", at + len(name) + 2) if at >= 0 else -1
        if start < 0:
            continue
        try:
            content, end = json.JSONDecoder().raw_decode(body, start)
        except json.JSONDecodeError:
            continue
        return body[start:end], content
    return None


def answer_is_good(raw: str, signature: str, key: RSAPublicKey) -> bool:
    return keys.verifies(raw.encode(), signature, key)
