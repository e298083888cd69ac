"""War rooms (作战室): one for a subject, with its people, groups, tasks and timeline."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from domain.audit import AuditEntry
from domain.chat import Account, Recipient, SubjectRef
from domain.money import Money
from domain.staff import Role, Staff


class RoomState(StrEnum):
    OPEN = "open"
    ENDED = "ended"


class Step(StrEnum):
    """What 结束 asks for next; NONE when nobody is ending the room."""

    NONE = ""
    CAUSE = "cause"
    EFFECT = "effect"
    PLANS = "plans"


class LineKind(StrEnum):
    OPEN = "open"
    NOTE = "note"  # 记录
    DECISION = "decision"  # 决定
    TASK = "task"
    PEOPLE = "people"
    NEWS = "news"  # what became of the subject, noted by itself
    END = "end"


@dataclass(frozen=True)
class Member:
    """`why` says in words what brought them in."""

    staff_id: str
    name: str
    why: str = ""


@dataclass(frozen=True)
class Room:
    """`subject` is what the room is about at bottom: an alert or exception about an order belongs to the order's
    room, so that there are never two. `source` is what it was opened from, `kind` its type and `rule` the alert's
    rule or the exception's kind; both chose the people. `notes` name who could not be found, and holes of the rota.

    `round` counts how often it was opened (1 the first time), `opened_at` is the last of them; `revision` is
    storage's, for compare-and-set. `cause`, `effect` and `plans` are filled step by step by 结束; `step_by` is who is
    filling them.
    """

    number: str
    subject: SubjectRef
    source: SubjectRef
    kind: str
    rule: str
    title: str
    label: str
    amount: Money
    owner: str
    owner_name: str
    opened_by: str
    opened_at: datetime
    settings_version: str
    trace_id: str
    shop_code: str = ""
    region: str = ""
    warehouse: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    members: tuple[Member, ...] = ()
    notes: tuple[str, ...] = ()
    state: RoomState = RoomState.OPEN
    order_state: str = ""  # as the timeline has it
    step: Step = Step.NONE
    step_by: str = ""
    step_at: datetime | None = None
    cause: str = ""
    effect: str = ""
    plans: str = ""
    ended_at: datetime | None = None
    ended_by: str = ""
    ended_name: str = ""
    report: str = ""  # the kept file of the newest report
    round: int = 1
    revision: int = 0

    @property
    def open(self) -> bool:
        return self.state is RoomState.OPEN

    @property
    def order_id(self) -> int:
        """0 when it is not about an order."""
        return int(self.subject.id) if self.subject.type == "order" else 0

    @property
    def name(self) -> str:
        """What its groups are called. Some platforms cut it after twenty characters: what tells it apart is first."""
        return f"作战室 {self.label[-6:]} {self.title}".strip()[:20]

    def has(self, staff_id: str) -> bool:
        return any(member.staff_id == staff_id for member in self.members)


@dataclass(frozen=True)
class RoomGroup:
    """The room's group behind one door. `chat_id` "" when there is none: `note` says why. `missing` are names of
    members the platform could not bring in, `to_do` is what a person must still tap there."""

    number: str
    platform: str
    app: str
    chat_id: str = ""
    handle: str = ""
    note: str = ""
    missing: tuple[str, ...] = ()
    to_do: str = ""

    @property
    def here(self) -> Recipient:
        return Recipient(Account(self.platform, self.app, ""), self.chat_id)


@dataclass(frozen=True)
class RoomTask:
    """`n` counts within the room. `follow_up`: agreed when the room ended. `next_at` is when somebody must look at it
    again, `told` how often its person was reminded."""

    number: str
    n: int
    title: str
    assignee: str
    assignee_name: str
    given_by: str
    given_by_name: str
    given_at: datetime
    due_at: datetime
    follow_up: bool = False
    done_at: datetime | None = None
    done_by: str = ""
    done_name: str = ""
    next_at: datetime | None = None
    told: int = 0
    revision: int = 0

    @property
    def id(self) -> str:
        return f"{self.number}-{self.n}"

    @property
    def open(self) -> bool:
        return self.done_at is None

    def overdue(self, now: datetime) -> bool:
        return self.open and now >= self.due_at

    def near(self, now: datetime) -> bool:
        """The last quarter of its time."""
        return self.open and not self.overdue(now) and now >= near_at(self)


def near_at(task: RoomTask) -> datetime:
    return task.due_at - (task.due_at - task.given_at) / 4


@dataclass(frozen=True)
class RoomLine:
    """One line of the timeline. `key` unique in its room: the same thing is noted once."""

    number: str
    at: datetime
    kind: LineKind
    text: str
    who: str = ""
    who_name: str = ""
    key: str = ""


@dataclass(frozen=True)
class Stir:
    """Something a room watches has `count` audit rows now: more than were looked at."""

    number: str
    subject: SubjectRef
    count: int


@dataclass(frozen=True)
class Heard:
    """An audit row and its id."""

    id: int
    entry: AuditEntry


class Rooms(Protocol):
    """Filled by `storage/rooms.py`. What has changed since it was read makes the commit a Conflict."""

    async def get(self, number: str) -> Room | None: ...
    async def of_subject(self, subject: SubjectRef) -> Room | None:
        """By what the room is about at bottom; there is one at most, open or ended."""
        ...

    async def by_chat(self, platform: str, app: str, chat_id: str) -> Room | None: ...
    async def open_of_staff(self, staff_id: str) -> Sequence[Room]:
        """Open rooms this person is a member of, the newest first."""
        ...

    async def open_of_orders(self, order_ids: Collection[int]) -> Sequence[Room]: ...
    async def open_rooms(self, limit: int = 50) -> Sequence[Room]: ...
    async def asking(self, staff_id: str) -> Room | None:
        """The room whose end this person is writing down step by step."""
        ...

    def save(self, room: Room) -> None:
        """Insert (revision 0; Conflict when its subject has a room already) or replace by revision."""
        ...

    async def groups(self, number: str) -> Sequence[RoomGroup]: ...
    def save_group(self, group: RoomGroup) -> None:
        """Insert or replace by door."""
        ...

    async def tasks(self, number: str) -> Sequence[RoomTask]: ...
    async def task(self, number: str, n: int) -> RoomTask | None: ...
    async def open_tasks_of(self, staff_id: str) -> Sequence[RoomTask]:
        """The nearest limit first."""
        ...

    async def due_tasks(self, now: datetime, limit: int) -> Sequence[RoomTask]: ...
    async def next_due(self) -> datetime | None: ...
    def save_task(self, task: RoomTask) -> None:
        """Insert (revision 0) or replace by revision."""
        ...

    async def lines(self, number: str, limit: int = 1000) -> Sequence[RoomLine]:
        """The newest of them, oldest first."""
        ...

    def add_line(self, line: RoomLine) -> None:
        """One whose key the room has already is left out; without a key it is a line of its own."""
        ...

    def watch(self, number: str, subject: SubjectRef, seen: int) -> None:
        """The room listens to this subject's audit from now on, and has seen so many of its rows."""
        ...

    async def stirred(self, limit: int) -> Sequence[Stir]:
        """Watched subjects of open rooms with more audit rows than were seen, and alerts, refunds and exceptions of
        their orders that nobody watches yet."""
        ...

    async def story_of(self, subject: SubjectRef, since: datetime) -> Sequence[Heard]: ...


class DoorCan(Protocol):
    """What the rooms ask of a chat door's capabilities."""

    @property
    def makes_groups(self) -> bool: ...
    @property
    def cards_to_groups(self) -> bool: ...
    @property
    def hears_own_groups(self) -> bool: ...


def room_subject(number: str) -> SubjectRef:
    return SubjectRef("room", number)


def task_subject(task: RoomTask) -> SubjectRef:
    return SubjectRef("room_task", task.id)


def split_task_id(task_id: str) -> tuple[str, int]:
    """`WR260105ABCDEF-2` → its room's number and its own."""
    number, _, n = task_id.rpartition("-")
    return number, int(n) if n.isascii() and n.isdigit() and len(n) < 6 else 0


def can_see_room(staff: Staff, room: Room) -> bool:
    """Members, and supervisors within their shops."""
    if room.has(staff.id):
        return True
    return staff.has(Role.SUPERVISOR) and (not staff.shops or room.shop_code in staff.shops)


def can_end_room(staff: Staff, room: Room) -> bool:
    return staff.id == room.owner or (staff.has(Role.SUPERVISOR) and can_see_room(staff, room))


def can_finish_task(staff: Staff, task: RoomTask, room: Room) -> bool:
    """Whose it is, who gave it, and who may end the room."""
    return staff.id in (task.assignee, task.given_by) or can_end_room(staff, room)


def next_look(task: RoomTask, chase: timedelta) -> datetime | None:
    """When the task is to be looked at after `told` reminders: at three quarters, at its limit, then again and again
    at growing intervals, a day at most."""
    if not task.open:
        return None
    if task.told == 0:
        return task.due_at
    wait: timedelta = chase * int(2 ** min(task.told, 12) - 1)
    return task.due_at + min(wait, timedelta(days=task.told))
