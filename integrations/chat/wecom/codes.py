"""A sent card's handle: which response codes are left, and till when (wecom.md §4.6).

Form, JSON-able: {"task_id", "msgid", "send_code", "send_code_until", "taps": [{"code", "until", "by"}]}.
The send's code is the reserve for the final state; each tap brings one more. Each works once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

Handle = Mapping[str, object]

LIFE = timedelta(hours=72) - timedelta(minutes=10)  # the margin covers clocks and the way there
MOST_TAPS = 20  # kept of one card; the newest stay


def new_handle(task_id: str, answer: Mapping[str, Any], now: datetime) -> dict[str, object]:
    """From message/send's answer; without a response_code the card can be updated only after a tap."""
    handle: dict[str, object] = {"task_id": task_id, "msgid": str(answer.get("msgid", "")), "taps": []}
    code = answer.get("response_code")
    if code:
        handle |= {"send_code": str(code), "send_code_until": (now + LIFE).isoformat()}
    return handle


def add_tap(handle: Handle, code: str, by: str, at: datetime) -> dict[str, object]:
    taps = [tap for tap in _taps(handle) if tap["code"] != code]
    if code:
        taps.append({"code": code, "until": (at + LIFE).isoformat(), "by": by})
    return {**handle, "taps": taps[-MOST_TAPS:]}


def without(handle: Handle, code: str) -> dict[str, object]:
    """After the code was used, or the platform said it is."""
    rest = {**handle, "taps": [tap for tap in _taps(handle) if tap["code"] != code]}
    if rest.get("send_code") == code:
        del rest["send_code"], rest["send_code_until"]
    return rest


def usable(handle: Handle, now: datetime, *, final: bool) -> list[str]:
    """Codes to try, in order: of taps, oldest first; the reserve last and only for the final state."""
    codes = [tap["code"] for tap in _taps(handle) if _lives(tap["until"], now)]
    reserve = handle.get("send_code")
    if final and isinstance(reserve, str) and _lives(handle.get("send_code_until"), now):
        codes.append(reserve)
    return codes


def _taps(handle: Handle) -> list[dict[str, str]]:
    taps = handle.get("taps")
    return list(taps) if isinstance(taps, list) else []


def _lives(until: object, now: datetime) -> bool:
    return isinstance(until, str) and now < datetime.fromisoformat(until)
