"""What a job is, found by its place: a module of `jobs/` that names one or more of JOB, WATCH, ON_ORDER, TAKE_FILE."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from cards.scene import Scene
from domain.chat import Recipient
from domain.clock import Clock
from domain.intake import OrderIntake
from domain.order import Order
from domain.order_file import SheetReader, no_sheets
from domain.payment import PaymentConnector
from domain.ports import ShopConnector, UnitOfWork
from domain.reconcile_engine import ReconcileEngine
from domain.staff import Role, Staff
from domain.watched_folder import WatchedFolder


class Late(StrEnum):
    """What to do with slots that passed while nobody could run them."""

    SKIP = "skip"
    ONCE = "once"  # the newest of them
    ALL = "all"  # each of them, oldest first


class Progress(Protocol):
    """Tell how far a long run is; shown on its card. Cheap: it may be called for every item."""

    async def __call__(self, done: int, total: int, note: str = "") -> None: ...


async def no_progress(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class JobContext:
    """All a job, a watch or a file taker may use. `due` is the slot (UTC): a job works for that moment, not for now.

    `args` are the words behind `运行 <job>` or a slot's own; `asked_by` is who started it, None by the clock.
    """

    due: datetime
    scene: Scene
    trace_id: str
    unit_of_work: Callable[[], UnitOfWork]
    shops: Mapping[str, ShopConnector]
    payments: Mapping[str, PaymentConnector]
    intake: OrderIntake
    args: Mapping[str, str] = field(default_factory=dict)
    asked_by: Staff | None = None
    progress: Progress = no_progress
    ledger: ReconcileEngine | None = None
    folders: Sequence[WatchedFolder] = ()
    read_sheet: SheetReader = no_sheets

    @property
    def clock(self) -> Clock:
        return self.scene.clock


Counts = Mapping[str, int]
"""What a run did, by Chinese label: `{"新订单": 12, "更新": 3}`. Shown by 任务 and kept."""


@dataclass(frozen=True)
class Job:
    """`every` or `cron` (five fields, Asia/Shanghai), both can be changed in `jobs.<name>` of the settings.

    `limit` ends a run that hangs; `owner` is told when a run failed. `run` must be safe to repeat: a run that
    died is started again for the same slot. Raise to fail; the text is shown to the owner.
    """

    name: str
    title: str
    run: Callable[[JobContext], Awaitable[Counts]]
    every: timedelta | None = None
    cron: str = ""
    owner: Role = Role.ADMIN
    limit: timedelta = timedelta(minutes=10)
    late: Late = Late.ONCE
    jitter: timedelta = timedelta(0)


@dataclass(frozen=True)
class Watch:
    """Work that has its own due times (lights, timers, queues of changes): kept running, never by the minute.

    `next_due` is the earliest moment at which there is something to do (None: nothing known); `work` does a
    bounded piece and returns how many things it did; it is called again at once while that is not 0.
    """

    name: str
    next_due: Callable[[JobContext], Awaitable[datetime | None]]
    work: Callable[[JobContext], Awaitable[int]]


OrderRule = Callable[[JobContext, UnitOfWork, Sequence[Order]], Awaitable[None]]
"""`ON_ORDER` of a job module: called for orders that are new or have changed, soon after the change is
committed, at least once a change. Writes go to the unit of work, which the caller commits."""


@dataclass(frozen=True)
class Upload:
    """A file that came by chat or into a watched folder. `source` chat | folder:<name>; `to` gets the answer."""

    name: str
    content: bytes
    source: str
    staff: Staff | None = None
    to: Recipient | None = None


FileTaker = Callable[[JobContext, Upload], Awaitable[str | None]]
"""`TAKE_FILE` of a job module: read a file if it is its own and return the answer for people (Chinese), or None
when the file is something else. Commits what it stores. Raise `BadFile` when it is its own but cannot be read."""


class BadFile(ValueError):
    """The file is of this kind and cannot be used; the message says which line and what to do (Chinese)."""
