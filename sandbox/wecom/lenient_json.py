"""Request bodies that are not strict JSON are parsed as far as possible (wecom.md §1.2)."""

from __future__ import annotations

import json
import re
from typing import Any

_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
LONE_SURROGATE = re.compile(rf"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}")


def parse(raw: bytes) -> tuple[dict[str, Any], bool]:
    """(body, was it strict JSON). What cannot be read at all becomes an empty object."""
    text = _without_lone_surrogates(raw.decode("utf-8", errors="replace"))
    try:
        body = json.loads(text)
    except ValueError:
        return _repair(text), False
    return (body, True) if isinstance(body, dict) else ({}, False)


def _without_lone_surrogates(text: str) -> str:
    """`\\ud800` escapes that pair with nothing are no characters: replaced, as undecodable bytes are."""
    if "\\ud" not in text.lower():
        return text
    return LONE_SURROGATE.sub("\ufffd", text)


def _repair(text: str) -> dict[str, Any]:
    """Forgive raw control characters, trailing commas and a byte order mark."""
    repaired = re.sub(r",\s*([}\]])", r"\1", text.lstrip("\ufeff"))
    try:
        body = json.JSONDecoder(strict=False).raw_decode(repaired.strip())[0]
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
