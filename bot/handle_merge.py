"""Two changes of one card's handle at once: a tap brings a code while a delivery uses another one up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_GONE = object()


def merge_handle(
    base: Mapping[str, object], mine: Mapping[str, object], theirs: Mapping[str, object]
) -> dict[str, object]:
    """What I did to `base` (giving `mine`), done to `theirs`. Lists are bags of codes: what I took out is
    taken out, what I put in is added; for anything else my change wins, and without one theirs stays."""
    merged: dict[str, object] = dict(theirs)
    for key in {*base, *mine}:
        value = _merge(base.get(key, _GONE), mine.get(key, _GONE), theirs.get(key, _GONE))
        if value is _GONE:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged


def _merge(base: Any, mine: Any, theirs: Any) -> Any:
    if mine == base:
        return theirs
    if isinstance(mine, list) and isinstance(theirs, list):
        before = base if isinstance(base, list) else []
        taken = [item for item in before if item not in mine]
        kept = [item for item in theirs if item not in taken]
        return kept + [item for item in mine if item not in before and item not in kept]
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        return merge_handle(base if isinstance(base, Mapping) else {}, mine, theirs)
    return mine
