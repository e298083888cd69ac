"""HMAC signatures of robot and card callbacks in HTTP mode (dingtalk.md §2.1, §6.4)."""

from __future__ import annotations

import base64
import hashlib
import hmac

WINDOW_MS = 3_600_000  # a timestamp further than one hour from our clock is refused


def _mac(secret: str, message: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), message.encode(), hashlib.sha256).digest()).decode()


def robot_sign(secret: str, timestamp: str) -> str:
    """Header `sign` of a robot callback, and of the custom robot's address before percent-encoding."""
    return _mac(secret, f"{timestamp}\n{secret}")


def card_sign(secret: str, timestamp: str) -> str:
    """Header `x-ddpaas-signature` of a card callback: the timestamp alone is signed."""
    return _mac(secret, timestamp)


def _problem(expected: str, timestamp: str, given: str, now_ms: int) -> str:
    if not timestamp or not given:
        return "missing signature"
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > 16:
        return "bad timestamp"
    if abs(now_ms - int(timestamp)) > WINDOW_MS:
        return "stale timestamp"
    return "" if hmac.compare_digest(expected.encode(), given.encode()) else "wrong signature"


def robot_problem(secret: str, timestamp: str, sign: str, now_ms: int) -> str:
    """Why a robot callback must be refused, or ""."""
    return _problem(robot_sign(secret, timestamp), timestamp, sign, now_ms)


def card_problem(secret: str, timestamp: str, sign: str, now_ms: int) -> str:
    """Why a card callback must be refused, or "". No window is documented; one hour is used here too."""
    return _problem(card_sign(secret, timestamp), timestamp, sign, now_ms)
