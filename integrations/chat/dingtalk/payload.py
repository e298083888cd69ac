"""Raw JSON of the platform, read without trust: objects, texts, times, digests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

Json = dict[str, object]


def object_of(raw: object) -> Json:
    """A JSON object, given as one or as JSON text; {} for anything else."""
    if isinstance(raw, (str, bytes)):
        try:
            raw = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return {}
    return raw if isinstance(raw, dict) else {}


def text_of(value: object) -> str:
    """A string, number or boolean as text; "" for null, JSON text for the rest."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def texts_of(value: object) -> tuple[str, ...]:
    """A list's entries as texts; one text for anything that is not a list."""
    return tuple(text_of(v) for v in value) if isinstance(value, list) else (text_of(value),)


def whole_of(value: object) -> int | None:
    """An integer given as number or digits, else None."""
    text = text_of(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None


def moment_of(value: object) -> datetime | None:
    """Milliseconds since 1970 as aware UTC."""
    whole = whole_of(value)
    if not whole or whole > 253_402_300_799_000:  # the year 9999
        return None
    return datetime.fromtimestamp(whole / 1000, UTC)


def any_case(found: Mapping[str, object], name: str) -> object:
    """A key whatever its letter case: events spell theirs differently (dingtalk.md §3.2)."""
    wanted = name.lower()
    return next((value for key, value in found.items() if key.lower() == wanted), None)


def digest(*parts: bytes) -> str:
    """A key for what carries no id of its own."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:40]
