"""Durable and fast: putting rows into the inbox, everybody who waits sharing one synchronous commit.

Whoever calls while a commit runs is taken by the next one, so 64 callers cost two commits, not 64
(libraries.md §2.3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from storage.errors import StorageUnavailable

MAX_BATCH = 512


@dataclass(frozen=True)
class InboxRow:
    """`received_at` in microseconds."""

    platform: str
    app: str
    key: str
    kind: str
    payload: bytes
    trace_id: str
    received_at: int
    lane: str = ""
    subject: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        return (self.platform, self.app, self.key)


class InboxLog(Protocol):
    async def append(self, row: InboxRow) -> bool:
        """True when the row was stored, False when it is there already; StorageUnavailable when neither."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Waiting:
    """A row and the caller that waits for it."""

    row: InboxRow
    answer: asyncio.Future[bool]


def wanted(batch: Sequence[Waiting]) -> list[Waiting]:
    """Without those whose callers gave up: nobody was told that it is kept, so it will come again."""
    return [waiting for waiting in batch if not waiting.answer.done()]


def settle(batch: Sequence[Waiting], stored: set[tuple[str, str, str]] | StorageUnavailable) -> None:
    """Tell the callers: of several with the same key only the first stored it. Runs in their loop."""
    for waiting in batch:
        if waiting.answer.done():  # the caller has gone away; its row is stored or not all the same
            continue
        if isinstance(stored, StorageUnavailable):
            waiting.answer.set_exception(StorageUnavailable(str(stored)))
            continue
        new = waiting.row.identity in stored
        stored.discard(waiting.row.identity)
        waiting.answer.set_result(new)
