"""What a room says: lines of its timeline, and the same words in its other groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.audit import AuditEntry
from domain.chat import Account, Recipient
from domain.masks import mask_phones_in
from domain.outbox import Priority, SendCard, SendText
from domain.policy import Policies
from domain.ports import UnitOfWork
from domain.room import (
    DoorCan,
    LineKind,
    Room,
    RoomGroup,
    RoomLine,
    RoomTask,
    room_subject,
    task_subject,
)
from domain.room_people import reachable
from domain.staff import Staff, StaffDirectory

MAX_TEXT = 500
SYSTEM = "system"
Can = Mapping[tuple[str, str], DoorCan]


@dataclass(frozen=True)
class Around:
    """The moment, the rules, the people, and what each chat door can do. `link` makes an address of a staff page:
    (path under /console, staff id) → address, "" without a public one."""

    now: datetime
    policies: Policies
    directory: StaffDirectory
    doors: Can
    link: Callable[[str, str], str]

    def accounts(self, staff_ids: Iterable[str], door: tuple[str, str] | None = None) -> list[Account]:
        """The accounts of these people whose door is open, or behind this door only."""
        people = [person for staff_id in staff_ids if (person := self.directory.by_id(staff_id))]
        return [
            account
            for person in people
            for account in person.accounts
            if (here := (account.platform, account.app)) in self.doors and door in (None, here)
        ]


@dataclass(frozen=True)
class Speaker:
    """Who acts, and from where: `here` is where the words were said, None for the machine."""

    staff_id: str
    name: str
    origin: str
    here: Recipient | None = None

    @staticmethod
    def of(staff: Staff, origin: str, here: Recipient) -> Speaker:
        return Speaker(staff.id, staff.name, origin, here)


MACHINE = Speaker(SYSTEM, "", "rooms")


def clean(text: str, most: int = MAX_TEXT) -> str:
    """One line, phones masked: a timeline is read by more people than its order."""
    return mask_phones_in(" ".join(text.split()))[:most]


def note(
    uow: UnitOfWork, room: Room, kind: LineKind, text: str, by: Speaker, now: datetime, key: str = ""
) -> None:
    uow.rooms.add_line(RoomLine(room.number, now, kind, text, by.staff_id, by.name, key))


def audit(
    uow: UnitOfWork, room: Room, action: str, by: Speaker, now: datetime, details: Mapping[str, object]
) -> None:
    subject = room_subject(room.number)
    about = {"about": f"{room.subject.type}:{room.subject.id}", **details}
    uow.audit(AuditEntry(now, by.staff_id, by.origin, action, subject, uow.trace_id, about))


async def mirror(
    uow: UnitOfWork,
    room: Room,
    text: str,
    around: Around,
    *,
    said_in: Recipient | None = None,
    unshown_only: bool = False,
    key: str = "",
) -> None:
    """Say it in every group of the room but where it was said. `unshown_only`: only where no card of the room stands
    and shows it anyway."""
    for group in await uow.rooms.groups(room.number):
        if not group.chat_id or _same_chat(group, said_in):
            continue
        door = around.doors.get((group.platform, group.app))
        if door is None or (unshown_only and door.cards_to_groups):
            continue
        uow.send(SendText(group.here, text), key=f"{key}.{group.platform}.{group.app}" if key else "")


def _same_chat(group: RoomGroup, said_in: Recipient | None) -> bool:
    if said_in is None or not said_in.chat_id:
        return False
    here = (said_in.account.platform, said_in.account.app, said_in.chat_id)
    return here == (group.platform, group.app, group.chat_id)


def tell_people(
    uow: UnitOfWork, staff_ids: Iterable[str], text: str, around: Around, *, key: str, red: bool = False
) -> None:
    """One to one, on each account whose door is open."""
    for account in around.accounts(dict.fromkeys(staff_ids)):
        priority = Priority.RED if red else Priority.ANSWER
        uow.send(SendText(Recipient(account), text), key=f"{key}.{account}", priority=priority)


def show_room(
    uow: UnitOfWork,
    room: Room,
    staff_ids: Sequence[str],
    around: Around,
    *,
    doors: Iterable[tuple[str, str]],
    but: Account | None = None,
) -> None:
    """The working card one to one, to these people, behind these doors; each gets it once a round."""
    for door in doors:
        for account in around.accounts(staff_ids, door):
            if account != but:
                key = f"room.card.{room.number}.{room.round}.{account}"
                uow.send(SendCard(Recipient(account), room_subject(room.number)), key=key)


def show_task(uow: UnitOfWork, task: RoomTask, around: Around, *, but: Account | None = None) -> None:
    """Its own card, to whose it is."""
    for account in around.accounts([task.assignee]):
        if account != but:
            uow.send(SendCard(Recipient(account), task_subject(task)), key=f"room.task.{task.id}.{account}")


def by_card(around: Around) -> list[tuple[str, str]]:
    """Doors whose groups carry no cards: their people get the working card one to one."""
    return [door for door, can in around.doors.items() if not (can.cards_to_groups and can.makes_groups)]


def present(around: Around, staff_id: str) -> bool:
    person = around.directory.by_id(staff_id)
    return person is not None and reachable(person, around.doors)
