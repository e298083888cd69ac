"""HMAC signatures: robot callback, custom robot, card callback (dingtalk.md §2.1, §5.5, §6.4)."""

from __future__ import annotations

import base64
import hashlib
import hmac

WINDOW_MS = 3_600_000


def _hmac(key: str, message: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()).decode()


def robot_sign(secret: str, timestamp: str) -> str:
    """Base64 of HMAC-SHA256 over `timestamp LF secret`; `timestamp` in milliseconds, decimal."""
    return _hmac(secret, f"{timestamp}\n{secret}")


def card_sign(api_secret: str, timestamp: str) -> str:
    """Base64 of HMAC-SHA256 over the timestamp alone."""
    return _hmac(api_secret, timestamp)


def check_robot(secret: str, timestamp: str | None, sign: str | None, now_ms: int) -> str:
    """`ok`, or what is wrong first: `missing`, `timestamp`, `sign`."""
    if not timestamp or not sign:
        return "missing"
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(now_ms - int(timestamp)) > WINDOW_MS:
        return "timestamp"
    return "ok" if hmac.compare_digest(robot_sign(secret, timestamp).encode(), sign.encode()) else "sign"


def check_card(api_secret: str, timestamp: str | None, sign: str | None) -> bool:
    if not timestamp or not sign:
        return False
    return hmac.compare_digest(card_sign(api_secret, timestamp).encode(), sign.encode())
