"""What is wrong with the settings, in words an installer can act on: place, reason, nearest valid key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
_SECRET_WORDS = ("secret", "token", "key", "session", "password")
_CLOSE = 70  # rapidfuzz ratio (0–100) from which a key counts as a slip of the fingers


@dataclass(frozen=True)
class Problem:
    """One fault: `where` is `第 12 行` or `环境变量 X`, `path` the dotted key, `text` what to do."""

    where: str
    path: str
    text: str

    def __str__(self) -> str:
        place = " ".join(part for part in (self.where, self.path) if part)
        return f"{place}：{self.text}" if place else self.text


class SettingsError(Exception):
    """The settings cannot be used; every fault that was found, not only the first."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(problems, key=_line))
        super().__init__("\n".join([f"{source} 有 {len(self.problems)} 处要改：", *map(str, self.problems)]))


def _line(problem: Problem) -> int:
    digits = re.sub(r"\D", "", problem.where) if problem.where.startswith("第") else ""
    return int(digits or 0)


def dotted(path: Path) -> str:
    """`("staff", 0, "name")` → `staff[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def is_secret(name: str) -> bool:
    """Whether a setting of this name must never be shown."""
    return any(word in name.casefold() for word in _SECRET_WORDS)


def nearest(word: str, choices: Iterable[str]) -> str:
    """The choice a slip of the fingers would have meant, or ''."""
    from rapidfuzz import fuzz, process  # only needed when something is wrong

    found = process.extractOne(word.casefold(), list(choices), scorer=fuzz.ratio, score_cutoff=_CLOSE)
    return found[0] if found else ""


def unknown_key(path: Path, valid: Iterable[str], elsewhere: Iterable[str] = ()) -> str:
    """Words for a key nobody knows: the nearest key of the same section, else the same key elsewhere."""
    key, parent = str(path[-1]), dotted(path[:-1])
    names = sorted(valid)
    close = nearest(key, names)
    if close:
        return f"没有这个设置，是不是 {f'{parent}.{close}' if parent else close}？"
    same = [other for other in elsewhere if other.rsplit(".", 1)[-1] == key]
    if same:
        return f"没有这个设置，是不是 {same[0]}？"
    return f"没有这个设置；这里可以写：{'、'.join(names)}"


def unknown_choice(value: object, choices: Iterable[str]) -> str:
    names = sorted(choices)
    close = nearest(str(value), names)
    hint = f"，是不是 {close}？" if close else "。"
    return f"不认识 {value!r}{hint}可选：{'、'.join(names)}"


def explain(error: Mapping[str, Any], path: Path) -> str:
    """A pydantic error in plain words."""
    kind, context = str(error["type"]), error.get("ctx", {})
    name = str(next((part for part in reversed(path) if isinstance(part, str)), ""))
    shown = "" if is_secret(name) else f"，现在是 {error['input']!r}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return "缺少这一项"
    if kind in ("enum", "literal_error"):
        choices = str(context["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
        return unknown_choice(error["input"], choices)
    for prefix, words in _WORDS.items():
        if kind.startswith(prefix):
            return words.format(**context) + shown
    return f"{error['msg']}{shown}"


_WORDS = {
    "int": "要填整数",
    "float": "要填数字",
    "bool": "要填 true 或 false",
    "string": "要填文本，请给值加上引号",
    "list": "要填列表，例如 [a, b]",
    "tuple": "要填列表，例如 [a, b]",
    "set": "要填列表，例如 [a, b]",
    "frozen_set": "要填列表，例如 [a, b]",
    "dict": "要填一组设置（键: 值）",
    "mapping": "要填一组设置（键: 值）",
    "model": "要填一组设置（键: 值）",
    "greater_than_equal": "不能小于 {ge}",
    "greater_than": "要大于 {gt}",
    "less_than_equal": "不能大于 {le}",
    "less_than": "要小于 {lt}",
}
