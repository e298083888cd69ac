"""Long texts in parts WeCom shows whole: it cuts at 2,048 bytes, even inside a character (wecom.md §4.2)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

PART_BYTES = 2000
MAX_PARTS = 20  # of one text; each is a message under the member's limit of 25 a minute
_NUMBER_BYTES = len("(20/20)\n")
_ZWJ = "\u200d"
_JOINS_LEFT = frozenset({"Mn", "Me", "Mc"})


def split_text(text: str, limit: int = PART_BYTES) -> list[str]:
    """Parts of at most `limit` bytes of UTF-8, numbered (1/3) when there are several.

    A text of more than MAX_PARTS parts ends with a line that says how much was left out.
    """
    if len(text.encode()) <= limit:
        return [text]
    parts = pieces(text, limit - _NUMBER_BYTES)
    if len(parts) > MAX_PARTS:
        left = len("".join(parts[MAX_PARTS - 1 :]))
        parts = [*parts[: MAX_PARTS - 1], f"……（内容太长，后面还有 {left} 个字没有发出，请缩小范围再查）"]
    return [f"({n}/{len(parts)})\n{part.rstrip()}" for n, part in enumerate(parts, 1)]


def pieces(text: str, limit: int) -> list[str]:
    """Cut on line borders where possible, else between graphemes; joined they are the text again."""
    result: list[str] = []
    here, size = "", 0
    for chunk in _chunks(text, limit):
        length = len(chunk.encode())
        if here and size + length > limit:
            result.append(here)
            here, size = "", 0
        here += chunk
        size += length
    return [*result, here] if here else result


def _chunks(text: str, limit: int) -> Iterator[str]:
    """Lines, or graphemes of a line that is too long, or characters of such a grapheme."""
    for line in text.splitlines(keepends=True):
        if len(line.encode()) <= limit:
            yield line
            continue
        for grapheme in graphemes(line):
            if len(grapheme.encode()) <= limit:
                yield grapheme
            else:
                yield from grapheme


def graphemes(text: str) -> Iterator[str]:
    """What a reader takes for one character: emoji with joiners and skin tones, flags, letters with marks."""
    start = 0
    flags = 0  # regional indicators in a row before this place: two make a flag
    for i in range(1, len(text)):
        before, here = text[i - 1], text[i]
        flags = flags + 1 if _is_flag_half(before) else 0
        if not _belongs(before, here, flags):
            yield text[start:i]
            start = i
    if text:
        yield text[start:]


def _belongs(before: str, here: str, flags: int) -> bool:
    if here < "\u0300":
        return before == "\r" and here == "\n"
    if before == _ZWJ or here == _ZWJ or unicodedata.category(here) in _JOINS_LEFT:
        return True
    if "\U0001f3fb" <= here <= "\U0001f3ff" or "\U000e0020" <= here <= "\U000e007f":
        return True  # skin tones; the tags of regional flags
    if _is_flag_half(here):
        return flags % 2 == 1
    return "\u1160" <= here <= "\u11ff" and unicodedata.name(before, "").startswith("HANGUL")


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
