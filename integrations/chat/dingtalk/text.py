"""Long texts cut where a reader would cut them (dingtalk.md §5.3: one message under 3,500 characters)."""

from __future__ import annotations

import unicodedata

import orjson

MAX_CHARS = 3500
MAX_BYTES = 13_000  # as JSON; msgParam of a group may have 15,000
_JOINER = "\u200d"


def weight(text: str) -> int:
    """Bytes inside msgParam, which is JSON text inside a JSON string: quotes and breaks weigh more."""
    return len(orjson.dumps(orjson.dumps(text).decode())) - 6


def split(text: str, max_chars: int = MAX_CHARS, max_bytes: int = MAX_BYTES) -> list[str]:
    """Parts that fit, cut at line ends, else at spaces, else between whole characters. None is empty."""
    parts: list[str] = []
    rest = text
    while rest:
        end = _fitting(rest, max_chars, max_bytes)
        if end < len(rest):
            end = _good_cut(rest, end)
        parts.append(rest[:end].rstrip("\n"))
        rest = rest[end:].lstrip("\n")
    return [part for part in parts if part.strip()] or [text]


def _fitting(text: str, max_chars: int, max_bytes: int) -> int:
    """The longest prefix that fits, by halving."""
    high = min(len(text), max_chars)
    if weight(text[:high]) <= max_bytes:
        return high
    low = 1
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if weight(text[:middle]) <= max_bytes else (low, middle)
    return low


def _good_cut(text: str, end: int) -> int:
    """The last line end or space in the second half, else the last border between whole characters."""
    for mark in ("\n", " "):
        at = text.rfind(mark, end // 2, end)
        if at > 0:
            return at + 1
    cut = end
    while cut > 1 and _inside_character(text, cut):
        cut -= 1
    return cut if cut > 1 else end


def _inside_character(text: str, cut: int) -> bool:
    """Whether what people see as one character would be torn: joined emoji, skin tones, accents, flags."""
    before, after = text[cut - 1], text[cut]
    flag = all("\U0001f1e6" <= letter <= "\U0001f1ff" for letter in (before, after))
    return (
        _JOINER in (before, after)
        or unicodedata.combining(after) != 0
        or "\ufe00" <= after <= "\ufe0f"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or flag
    )
