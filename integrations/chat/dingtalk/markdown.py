"""People's words inside Markdown: shown as they are, never as markup (dingtalk.md §5.3)."""

from __future__ import annotations

import re

# DingTalk documents no backslash escape, so what would act as markup becomes its full-width twin.
_TWINS = str.maketrans(
    {"*": "＊", "`": "｀", "[": "［", "]": "］", "<": "＜", ">": "＞", "\\": "＼", "~": "～", "|": "｜"}
)
_OUTER_UNDERSCORE = re.compile(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_LINE_START = re.compile(r"^(\s*)([#+\-=])", re.MULTILINE)
_NUMBERED = re.compile(r"^(\s*\d+)([.)])(?=\s)", re.MULTILINE)
_LEADERS = {"#": "＃", "+": "＋", "-": "－", "=": "＝", ".": "．", ")": "）"}
BREAK = "  \n"  # a line break needs two spaces before it


def plain(text: str) -> str:
    """One line of somebody's text, safe inside Markdown."""
    flat = " ".join(text.split())
    safe = _OUTER_UNDERSCORE.sub("＿", flat.translate(_TWINS))
    safe = _LINE_START.sub(lambda m: m[1] + _LEADERS[m[2]], safe)
    return _NUMBERED.sub(lambda m: m[1] + _LEADERS[m[2]], safe)


def lines(parts: list[str]) -> str:
    """Lines one under the other; empty ones are left out."""
    return BREAK.join(part for part in parts if part)
