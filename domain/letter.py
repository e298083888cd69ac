"""Dead letters (死信): rows of the inbox and the outbox that were given up by the machine and wait for a person.

The queue's own row stays the truth about its state; beside it is kept which trouble it belongs to and what a person
decided. A trouble is one kind of failure at one place, from its first letter until none of its letters is open: people
are told of troubles, not of letters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.chat import Account, SubjectRef
from domain.staff import Role, Staff

LETTER_SUBJECT, TROUBLE_SUBJECT, LIST_SUBJECT = "letter", "letter_trouble", SubjectRef("letters", "open")
SUBJECTS = frozenset({LETTER_SUBJECT, TROUBLE_SUBJECT, LIST_SUBJECT.type})
NOTICE = "notice."  # keys of our own notices: one that cannot be delivered must not cause another
INBOX, OUTBOX = "inbox", "outbox"
MONEY = frozenset({"refund.execute"})  # effects that pay money
_PREFIX = {INBOX: "S", OUTBOX: "F"}  # 收, 发
_QUEUES = {"S": INBOX, "I": INBOX, "F": OUTBOX, "O": OUTBOX}
_NUMBER = re.compile(r"(?:D-?)?([SIFO])-?0*(\d{1,18})", re.ASCII | re.IGNORECASE)


class LetterState(StrEnum):
    DEAD = "dead"
    RETRYING = "retrying"  # a person put it back; it waits or runs
    DONE = "done"  # delivered or handled after that
    GIVEN_UP = "given_up"
    GONE = "gone"  # its row is no longer kept


OPEN = (LetterState.DEAD, LetterState.RETRYING)


@dataclass(frozen=True)
class Letter:
    """One row, without what it says. `what`: message | tap | event of the inbox; text | card | file | update |
    unreadable or an effect's name of the outbox. `account` is who sent it, or who should get it; `subject` what it is
    about. `own`: it is about our own notices. `noted`: the state last written down here, "" when none was, and
    `noted_death` its `died_at`. `by`,
    `reason`, `decided_at`: the last decision of a person. `since`: when it came, or was to go out. `trouble` is the id
    of its trouble, `deaths` how often it was given up by the machine."""

    queue: str
    row: int
    what: str
    state: LetterState
    trace_id: str
    since: datetime
    died_at: datetime | None
    tries: int
    error: str
    subject: SubjectRef | None = None
    account: Account | None = None
    chat_id: str = ""
    own: bool = False
    noted: str = ""
    noted_death: datetime | None = None
    deaths: int = 0
    trouble: str = ""
    by: str = ""
    reason: str = ""
    decided_at: datetime | None = None
    revision: int = 0

    @property
    def number(self) -> str:
        """`S12` came in, `F1042` goes out: short, said aloud without doubt, the same for ever."""
        return number_of(self.queue, self.row)

    @property
    def money(self) -> bool:
        return self.what in MONEY

    @property
    def newly_dead(self) -> bool:
        """It was given up by the machine, and that is not written down yet."""
        same = self.noted == LetterState.DEAD and self.noted_death == self.died_at
        return self.state is LetterState.DEAD and not same

    @property
    def place(self) -> str:
        """The chat app it came by or should go to; "" for work at other systems."""
        return f"{self.account.platform}:{self.account.app}" if self.account else ""


@dataclass(frozen=True)
class Trouble:
    """`id` is made of its first letter. `kind` says which letters join it. `counts`: its letters by state, filled
    when it is read."""

    id: str
    kind: str
    what: str
    place: str
    error: str
    since: datetime
    last_at: datetime
    ended_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    def count(self, *states: LetterState) -> int:
        return sum(self.counts.get(state.value, 0) for state in states)

    @property
    def money(self) -> bool:
        return self.what in MONEY


@dataclass(frozen=True)
class QueueFigures:
    """`waiting` is due now, `later` has been put off; `oldest` is since when the longest-waiting is due."""

    name: str
    waiting: int = 0
    running: int = 0
    later: int = 0
    dead: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True)
class ProcessSeen:
    name: str
    roles: tuple[str, ...]
    host: str
    seen_at: datetime


@dataclass(frozen=True)
class Board:
    """`shared`: several processes may work here; else there is this one, and `processes` is empty."""

    queues: tuple[QueueFigures, ...]
    processes: tuple[ProcessSeen, ...] = ()
    shared: bool = False


class Letters(Protocol):
    """Filled by `storage/letters.py`. The writes raise Conflict at commit when somebody was first."""

    async def board(self, now: datetime) -> Board: ...
    async def get(self, number: str) -> Letter | None:
        """By its number as typed; None when there is no such row, or nothing was ever wrong with it."""
        ...

    async def dead(
        self, *, money_only: bool = False, trouble: str = "", limit: int = 20, offset: int = 0
    ) -> tuple[Sequence[Letter], int]:
        """Newest first, and how many there are."""
        ...

    async def changed(self, limit: int) -> Sequence[Letter]:
        """Letters whose row is in another state than was written down here: newly dead, delivered since, gone."""
        ...

    async def trouble(self, trouble_id: str) -> Trouble | None: ...
    async def open_trouble(self, kind: str) -> Trouble | None: ...
    async def open_troubles(self) -> Sequence[Trouble]:
        """Those with dead letters, newest first."""
        ...

    def save(self, letter: Letter) -> None:
        """Write down `state`, `trouble`, `deaths` and the decision."""
        ...

    def put_back(self, letter: Letter) -> None:
        """`save`, and its row is ready again with all its tries, the count of attempts kept."""
        ...

    def give_up(self, letter: Letter) -> None:
        """`save`, and its row is never worked on again."""
        ...

    def begin(self, trouble: Trouble) -> None: ...
    def join(self, trouble_id: str, at: datetime, error: str) -> None:
        """One more letter; Conflict when the trouble has ended meanwhile."""
        ...

    def settle(self, trouble_id: str) -> None:
        """End it if none of its letters is open. After the `save` that may have settled the last."""
        ...


def number_of(queue: str, row: int) -> str:
    return f"{_PREFIX[queue]}{row}"


def read_number(text: str) -> tuple[str, int] | None:
    """Queue and row of a number as people type it: `F1042`, `f-1042`, `D-F1042`; I and O are taken for S and F."""
    found = _NUMBER.fullmatch(text.strip())
    return None if found is None else (_QUEUES[found[1].upper()], int(found[2]))


def letter_subject(number: str) -> SubjectRef:
    return SubjectRef(LETTER_SUBJECT, number)


def trouble_subject(trouble_id: str) -> SubjectRef:
    return SubjectRef(TROUBLE_SUBJECT, trouble_id)


def may_mind(staff: Staff, *, money: bool) -> bool:
    """See a letter, retry it or give it up: administrators and supervisors; finance where money is paid."""
    return staff.has(Role.ADMIN, Role.SUPERVISOR) or (money and staff.has(Role.FINANCE))


def may_open_queue(staff: Staff) -> bool:
    return may_mind(staff, money=True)


def only_money(staff: Staff) -> bool:
    """Whether this person sees the letters about money and no others."""
    return not may_mind(staff, money=False)
