"""Who belongs into a room: by role, scope and rota; who cannot be reached is named, never left out in silence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.room import Member, Room
from domain.room_policy import RoomPolicy
from domain.staff import ROLE_NAMES, Role, Staff, StaffDirectory

Doors = Iterable[tuple[str, str]]
DUTY = "值班"


@dataclass(frozen=True)
class Place:
    """Where the matter belongs, and what rules about people look at."""

    kind: str
    rule: str
    shop_code: str
    region: str
    warehouse: str
    owner: str = ""  # who looks after the alert or exception already


@dataclass
class Muster:
    """`owner` leads; `notes` say what could not be done as the settings want it."""

    owner: Staff | None = None
    members: dict[str, Member] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, staff: Staff, why: str) -> None:
        self.members.setdefault(staff.id, Member(staff.id, staff.name, why))

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def muster(
    place: Place, opener: Staff, policy: RoomPolicy, directory: StaffDirectory, doors: Doors, now: datetime
) -> Muster:
    """Opener and owner first, then role by role, as many as the settings let in."""
    open_doors = frozenset(doors)
    found = Muster()
    by_role = {
        role: _of_role(role, place, policy, directory, now, found)
        for role in policy.roles_for(place.kind, place.rule)
    }
    found.owner = _owner(place, opener, policy, directory, now, open_doors, found)
    found.add(found.owner, "负责人")
    found.add(opener, "发起人")
    for role, people in by_role.items():
        for person, why in people:
            if len(found.members) < policy.most_people or person.id in found.members:
                found.add(person, why)
            else:
                found.note(f"人数已满 {policy.most_people}，没有拉{ROLE_NAMES[role]}{person.name}")
    for member in found.members.values():
        staff = directory.by_id(member.staff_id)
        if staff is not None and not reachable(staff, open_doors):
            found.note(f"{staff.name} 没有可用的聊天账号，没能拉进来")
    return found


def reachable(person: Staff, doors: Doors) -> bool:
    known = frozenset(doors)
    return any((account.platform, account.app) in known for account in person.accounts)


def _of_role(
    role: Role,
    place: Place,
    policy: RoomPolicy,
    directory: StaffDirectory,
    now: datetime,
    found: Muster,
) -> list[tuple[Staff, str]]:
    people = _on_duty(role, place, policy, directory, now, found)
    if people or role is Role.SUPERVISOR:
        return people
    found.note(f"{ROLE_NAMES[role]}现在没有对应的人，由主管顶上")
    return _on_duty(Role.SUPERVISOR, place, policy, directory, now, found)


def _on_duty(
    role: Role,
    place: Place,
    policy: RoomPolicy,
    directory: StaffDirectory,
    now: datetime,
    found: Muster,
) -> list[tuple[Staff, str]]:
    """By the rota where the role has one, and everybody of the role in this scope where it has none."""
    name = ROLE_NAMES[role]
    everybody = [p for p in directory.with_roles(frozenset({role})) if _fits(p, role, place)]
    rota = [duty for duty in policy.duty if duty.role is role]
    if not rota:
        return [(person, name) for person in everybody]
    on_duty: list[tuple[Staff, str]] = []
    for staff_id in (one for duty in rota if duty.covers(now) for one in duty.people):
        person = directory.by_id(staff_id)
        if person is None:
            found.note(f"值班表里的 {staff_id} 已不在员工名单，换下一位")
        else:
            on_duty.append((person, f"{name}{DUTY}"))
    if not on_duty and role is Role.SUPERVISOR:
        found.note("主管这个时段没有排班，拉了全部主管")
        return [(person, name) for person in everybody]
    return on_duty


def _fits(person: Staff, role: Role, place: Place) -> bool:
    """Within the scope that the role goes by (DESIGN.md §8)."""
    if person.shops and place.shop_code and place.shop_code not in person.shops:
        return False
    scope, value = {
        Role.SERVICE: (person.regions, place.region),
        Role.WAREHOUSE: (person.warehouses, place.warehouse),
    }.get(role, (frozenset[str](), ""))
    return not scope or not value or value in scope


def _owner(
    place: Place,
    opener: Staff,
    policy: RoomPolicy,
    directory: StaffDirectory,
    now: datetime,
    doors: frozenset[tuple[str, str]],
    found: Muster,
) -> Staff:
    """Whose matter it is already, else the first on duty of the roles that own rooms; who has left or cannot be
    reached is passed over for the next."""
    if place.owner:
        person = directory.by_id(place.owner)
        if person is not None and reachable(person, doors):
            return person
        found.note(f"原负责人 {place.owner} 已离开或没有账号，换下一位")
    for role in policy.owner:
        for person, _ in _on_duty(role, place, policy, directory, now, found):
            if reachable(person, doors):
                return person
    found.note("没有能当负责人的人，由发起人负责")
    return opener


def next_owner(
    room: Room, directory: StaffDirectory, doors: Mapping[tuple[str, str], object]
) -> Staff | None:
    """The owner, or when they have left the first member who is still here."""
    people = (directory.by_id(staff_id) for staff_id in (room.owner, *(m.staff_id for m in room.members)))
    return next((person for person in people if person is not None and reachable(person, doors)), None)
