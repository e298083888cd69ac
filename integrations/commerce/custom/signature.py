"""The contract's one signature, for pushes and for calls (platforms.md §3.7)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

VERSION = "v1"
MOST = 4  # signatures of one push that are looked at


def sign(secret: str, timestamp: str, content: bytes) -> str:
    """`v1=` and lower hex of HMAC-SHA256 over timestamp, a dot, and the raw body or the path with its query."""
    text = timestamp.encode() + b"." + content
    return f"{VERSION}={hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}"


def is_genuine(secrets: Sequence[str], timestamp: str, content: bytes, signature: str) -> bool:
    """Whether one of the signatures (separated by commas) was made with one of these secrets.

    An empty secret never counts: it would let anybody sign. A version we do not know counts for nothing.
    """
    given = [part.strip().encode(errors="replace") for part in signature.split(",")[:MOST]]
    wanted = [sign(secret, timestamp, content).encode() for secret in secrets if secret]
    return any(hmac.compare_digest(one, other) for one in given for other in wanted)
