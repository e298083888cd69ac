"""What is not as it should be, in words for people: which part, since when, why, and what works all the same."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.compose import Desk


@dataclass(frozen=True)
class Fault:
    """One impaired part. `part` is its name for machines (`wecom:main`, `database`), `works` what still works or what
    happens next. `since` None: as long as it has been seen. `tell`: whether supervisors and administrators are told in
    chat; not where somebody else tells them, or where it is a matter of one process alone."""

    part: str
    title: str
    why: str
    works: str
    since: datetime | None = None
    tell: bool = True
    door: tuple[str, str] | None = None  # the door (platform, app) that carries nothing now


Look = Callable[["Desk"], Coroutine[Any, Any, Sequence[Fault]]]
"""Found by its place: every module of `bot/impaired/` has one, called LOOK. It must be quick and may fail: what it
raises (StorageUnavailable, TimeoutError) leaves its part as it was seen last."""
