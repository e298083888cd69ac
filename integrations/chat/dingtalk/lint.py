"""What a card or message breaks before it is sent (dingtalk.md §5.3, §6.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from integrations.chat.dingtalk.payload import object_of

KEY_BYTES = 100
ADVISED_VALUE_BYTES = 1024
MAP_BYTES = 100 * 1024
MESSAGE_BYTES = 20_000
PARAM_BYTES = 15_000
MAX_BUTTONS = 8  # six of the card and two rare ones; more would push the facts off a phone
TEXT_VARIABLES = ("title", "logo", "markdown", "content", "tips", "status")


@dataclass(frozen=True)
class Problem:
    """`hard`: the platform would refuse it; else it is shown badly or against advice."""

    hard: bool
    text: str


def card_problems(values: Mapping[str, object]) -> list[Problem]:
    """Problems of a cardParamMap."""
    found: list[Problem] = []
    total = 0
    for key, value in values.items():
        if not isinstance(value, str):
            found.append(Problem(True, f"{key} is {type(value).__name__}, not a string"))
            continue
        size = len(value.encode())
        total += size + len(key.encode())
        if len(key.encode()) > KEY_BYTES:
            found.append(Problem(True, f"key {key[:20]}… exceeds {KEY_BYTES} bytes"))
        if size > ADVISED_VALUE_BYTES and key in TEXT_VARIABLES:
            found.append(Problem(False, f"{key} is {size} bytes; {ADVISED_VALUE_BYTES} are advised"))
    if total > MAP_BYTES:
        found.append(Problem(True, f"the map is {total} bytes; {MAP_BYTES} are allowed"))
    return found + _button_problems(values.get("sys_full_json_obj"))


def _button_problems(whole: object) -> list[Problem]:
    shown = object_of(whole).get("msgButtons") if isinstance(whole, str) else None
    listed = [object_of(button) for button in shown] if isinstance(shown, list) else []
    found = [
        Problem(True, "a button without text or id") for b in listed if not b.get("text") or not b.get("id")
    ]
    if len(listed) > MAX_BUTTONS:
        found.append(Problem(False, f"{len(listed)} buttons; {MAX_BUTTONS} are advised"))
    ids = [button.get("id") for button in listed]
    if len(set(map(str, ids))) < len(ids):
        found.append(Problem(True, "two buttons share an id"))
    return found


def message_problems(body: Mapping[str, object]) -> list[Problem]:
    """Problems of a webhook body, or of an API send with its `msgParam`."""
    found: list[Problem] = []
    if len(orjson.dumps(body)) > MESSAGE_BYTES:
        found.append(Problem(True, f"the message exceeds {MESSAGE_BYTES} bytes"))
    param = body.get("msgParam")
    if isinstance(param, str) and len(param.encode()) > PARAM_BYTES:
        found.append(Problem(True, f"msgParam exceeds {PARAM_BYTES} bytes"))
    return found
