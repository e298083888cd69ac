"""The two signatures of Shopify: webhooks over the raw body, the OAuth callback over its query (§4.4)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping


def webhook_signature(body: bytes, secret: str) -> str:
    """What `X-Shopify-Hmac-Sha256` must be: base64 of HMAC-SHA256 over the bytes as they came."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def webhook_is_genuine(body: bytes, signature: str, secret: str) -> bool:
    """Never true without a secret: an empty key would let anybody sign."""
    return bool(secret) and hmac.compare_digest(webhook_signature(body, secret).encode(), signature.encode())


def oauth_text(params: Mapping[str, str]) -> str:
    """The callback's query as it is signed: sorted `name=value` pairs without `hmac`, delimiters escaped."""
    pairs = []
    for name, value in params.items():
        if name != "hmac":
            key = name.replace("%", "%25").replace("=", "%3D")
            pairs.append(f"{key}={value.replace('%', '%25')}".replace("&", "%26"))
    return "&".join(sorted(pairs))


def oauth_signature(params: Mapping[str, str], secret: str) -> str:
    """Lower hex."""
    return hmac.new(secret.encode(), oauth_text(params).encode(), hashlib.sha256).hexdigest()
