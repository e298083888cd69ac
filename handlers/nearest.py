"""The commands a mistyped text probably meant: by spelling, and by how it sounds (pinyin)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache

from rapidfuzz import fuzz

from handlers.router import Command

GOOD_ENOUGH = 72.0
MOST = 3
_LOOK_AT = 8  # characters of the text: a command stands at its beginning


@lru_cache(maxsize=1024)  # all names of commands, and some of what people write
def sound(text: str) -> str:
    """Pinyin without tones; Latin letters stay as they are."""
    # The dictionary takes long to load and is seldom needed: the first slip of a pen pays for it, not the start.
    # Its phrases take ten times the memory of its characters and tell little about single words.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    from pypinyin import lazy_pinyin

    return "".join(lazy_pinyin(text)).casefold()


def nearest_commands(commands: Sequence[Command], text: str) -> tuple[Command, ...]:
    """Up to three commands, best first; empty when nothing is close."""
    head = text.split(None, 1)[0][:_LOOK_AT] if text.split() else ""
    if not head:
        return ()
    scored = [
        (max(_score(head, word) for word in (c.name, *c.aliases)), n, c) for n, c in enumerate(commands)
    ]
    close = sorted((s for s in scored if s[0] >= GOOD_ENOUGH), key=lambda s: (-s[0], s[1]))
    return tuple(command for _, _, command in close[:MOST])


def _score(head: str, word: str) -> float:
    spelled = fuzz.ratio(head.casefold(), word.casefold())
    heard, meant = sound(head), sound(word)
    begins = fuzz.ratio(heard[: len(meant)], meant)
    return max(spelled, fuzz.ratio(heard, meant), begins if len(meant) >= 4 else 0.0)
