"""The contract's signature as the other side makes it, written without the desk's code (platforms.md §3.7)."""

from __future__ import annotations

import hashlib
import hmac


def signature(secret: str, timestamp: int, content: bytes) -> str:
    digest = hmac.new(secret.encode(), b"%d." % timestamp + content, hashlib.sha256)
    return "v1=" + digest.hexdigest()
