"""What a check found, and how a function becomes a check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.doctor.exam import Exam


class Mark(StrEnum):
    GOOD = "✔"
    BAD = "✘"  # something does not work until it is put right
    NOTE = "!"  # works, or could not be looked at


@dataclass(frozen=True)
class Verdict:
    """`text`: what is so and, unless good, what to do."""

    mark: Mark
    text: str


@dataclass(frozen=True)
class Finding:
    """One line of the report, under the heading `group`."""

    group: str
    name: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.verdict.mark} {self.name}：{self.verdict.text}"


Verdicts = Verdict | list[Verdict] | None  # None: nothing to look at here
Look = Callable[["Exam", Any], Awaitable[Verdicts]]


@dataclass(frozen=True)
class Check:
    """`look` gets the exam and one of the subjects of its module."""

    name: str
    look: Look


def check(name: str) -> Callable[[Look], Check]:
    """Make the function below a check; `name` stands before its findings."""
    return lambda look: Check(name, look)


def good(text: str) -> Verdict:
    return Verdict(Mark.GOOD, text)


def bad(text: str) -> Verdict:
    return Verdict(Mark.BAD, text)


def note(text: str) -> Verdict:
    return Verdict(Mark.NOTE, text)
