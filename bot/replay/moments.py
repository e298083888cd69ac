"""What the recording knows of moments and numbers, handed to the new build while it works the day again."""

from __future__ import annotations

import sqlite3
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.replay.recording import Recording
from storage.recordings import DECIDED

NEAR = 120 * 1_000_000  # microseconds: further from the recorded moment it is another drawing


class Moments:
    """When the recording did a piece of work (`drawn`: a card, `begun`: an effect), each moment once, in order."""

    def __init__(self, entries: Sequence[Mapping[str, Any]], what: str, *, traces: frozenset[str]) -> None:
        self._known = traces
        self._left: dict[tuple[str, str], deque[int]] = defaultdict(deque)
        for entry in entries:
            if entry["what"] == what:
                self._left[self._name(str(entry["trace"]), str(entry["key"]))].append(int(entry["t"]))

    def take(self, trace: str, key: str, now: int) -> int | None:
        """The recorded moment of this piece of work; None when there is none near."""
        left = self._left.get(self._name(trace, key))
        while left:
            if left[0] > now + NEAR:
                return None
            found = left.popleft()
            if found >= now - NEAR:
                return found
        return None

    def _name(self, trace: str, key: str) -> tuple[str, str]:
        """Traces of the clock's own work are names of chance: there the order decides."""
        return (trace if trace in self._known else "", key)


class RecordedNumbers:
    """`domain.numbers.Numbers`: what got a number in the recording gets the same one, the next of the same
    kind the next. A number counts as given once it is in the database: a decision made again draws it again."""

    def __init__(self, recording: Recording, database: Path) -> None:
        self._known: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._tables: dict[str, str] = {}
        for name, one in DECIDED.items():
            self._tables[one.prefix] = one.table.name
            for row in recording.outcome.decided.get(name, ()):
                self._known[one.prefix, one.about_of(row)].append(str(row["number"]))
        self._database = database
        self._connection: sqlite3.Connection | None = None

    def draw(self, prefix: str, about: str) -> str | None:
        """The first number of this kind that nothing bears yet."""
        for number in self._known.get((prefix, about), ()):
            if not self._given(prefix, number):
                return number
        return None

    def _given(self, prefix: str, number: str) -> bool:
        if self._connection is None:
            self._connection = sqlite3.connect(self._database)
        table = self._tables[prefix]
        found = self._connection.execute(f"SELECT 1 FROM {table} WHERE number = ?", (number,))  # noqa: S608 - our own table
        return found.fetchone() is not None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
