"""Opening a room: never two for one subject; its groups are made by the outbox, each exactly once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from domain.chat import SubjectRef
from domain.clock import shanghai
from domain.numbers import number
from domain.outbox import Effect
from domain.ports import UnitOfWork
from domain.room import LineKind, Member, Room, RoomState, Step, room_subject
from domain.room_people import muster
from domain.room_tell import Around, Speaker, audit, by_card, clean, mirror, note, show_room
from domain.room_topic import Topic
from domain.staff import Staff

MAX_REASON = 100
SMALLEST_GROUP = 2  # people; fewer are told one to one (wecom.md §5.1)


@dataclass(frozen=True)
class OpenWish:
    topic: Topic
    by: Staff
    speaker: Speaker
    reason: str = ""


def new_number(now: datetime, subject: SubjectRef) -> str:
    """`WR` + day + six random characters; unique by storage's key."""
    return number("WR", shanghai(now).date(), f"{subject.type}/{subject.id}")


async def open_room(uow: UnitOfWork, wish: OpenWish, around: Around) -> tuple[Room, bool]:
    """The room of this subject, and whether it is a new one. Who asks for a room that stands joins it. Of two at once
    one commits, the other is told to look again (Conflict) and finds it. The caller commits."""
    known = await uow.rooms.of_subject(wish.topic.subject)
    if known is not None:
        return (await join(uow, known, wish.by, wish.speaker, around) if known.open else known), False
    room = _new_room(uow, wish, around)
    uow.rooms.save(room)
    for subject in {wish.topic.subject, wish.topic.source}:
        uow.rooms.watch(room.number, subject, 0)
    text = f"{wish.by.name}开作战室" + (f"：{room.reason}" if room.reason else "")
    note(uow, room, LineKind.OPEN, text, wish.speaker, around.now)
    for trouble in room.notes:
        note(uow, room, LineKind.PEOPLE, trouble, wish.speaker, around.now)
    details: dict[str, object] = {
        "source": f"{room.source.type}:{room.source.id}",
        "reason": room.reason,
        "owner": room.owner,
        "members": [member.staff_id for member in room.members],
        "notes": list(room.notes),
        "settings_version": room.settings_version,
    }
    audit(uow, room, "room.opened", wish.speaker, around.now, details)
    _gather(uow, room, wish, around)
    return room, True


def _new_room(uow: UnitOfWork, wish: OpenWish, around: Around) -> Room:
    topic, place = wish.topic, wish.topic.place
    found = muster(place, wish.by, around.policies.rooms, around.directory, around.doors, around.now)
    owner = found.owner or wish.by
    return Room(
        number=new_number(around.now, topic.subject),
        subject=topic.subject,
        source=topic.source,
        kind=place.kind,
        rule=place.rule,
        title=topic.title,
        label=topic.label,
        amount=topic.amount,
        owner=owner.id,
        owner_name=owner.name,
        opened_by=wish.by.id,
        opened_at=around.now,
        settings_version=around.policies.version,
        trace_id=uow.trace_id,
        shop_code=place.shop_code,
        region=place.region,
        warehouse=place.warehouse,
        facts=topic.facts,
        reason=clean(wish.reason, MAX_REASON),
        members=tuple(found.members.values()),
        notes=tuple(found.notes),
        order_state=topic.order_state,
    )


def _gather(uow: UnitOfWork, room: Room, wish: OpenWish, around: Around) -> None:
    """A group behind each door where enough members sit; where groups take no cards, cards one to one."""
    people = [member.staff_id for member in room.members]
    alone: list[tuple[str, str]] = []
    for door, can in around.doors.items():
        here = around.accounts(people, door)
        if can.makes_groups and len(here) >= SMALLEST_GROUP:
            platform, app = door
            uow.send(
                Effect("room.create", room_subject(room.number), {"platform": platform, "app": app}),
                key=f"room.create.{room.number}.{platform}.{app}",
            )
        elif here:
            alone.append(door)
    here_now = wish.speaker.here
    but = here_now.account if here_now and not here_now.chat_id else None
    doors = dict.fromkeys((*by_card(around), *alone))
    show_room(uow, room, people, around, doors=doors, but=but)


async def join(uow: UnitOfWork, room: Room, person: Staff, by: Speaker, around: Around) -> Room:
    """A further member: into the groups, and a card. The room as it is then."""
    if room.has(person.id):
        return room
    why = "后来加入" if person.id == by.staff_id else f"{by.name}拉进来"
    joined = replace(room, members=(*room.members, Member(person.id, person.name, why)))
    uow.rooms.save(joined)
    note(uow, room, LineKind.PEOPLE, f"{person.name} 加入", by, around.now)
    audit(uow, room, "room.joined", by, around.now, {"who": person.id})
    for group in await uow.rooms.groups(room.number):
        if group.chat_id and around.accounts([person.id], (group.platform, group.app)):
            args = {"platform": group.platform, "app": group.app, "add": person.id}
            uow.send(
                Effect("room.change", room_subject(room.number), args),
                key=f"room.join.{room.number}.{room.round}.{person.id}.{group.platform}.{group.app}",
            )
    but = by.here.account if by.here and by.staff_id == person.id and not by.here.chat_id else None
    show_room(uow, room, [person.id], around, doors=by_card(around), but=but)
    uow.touch(room_subject(room.number))
    return joined


async def reopen(uow: UnitOfWork, room: Room, wish: OpenWish, around: Around) -> Room:
    """The same room and the same groups once more: the matter came back."""
    again = replace(
        room,
        state=RoomState.OPEN,
        step=Step.NONE,
        step_by="",
        cause="",
        effect="",
        plans="",
        ended_at=None,
        ended_by="",
        ended_name="",
        round=room.round + 1,
        opened_at=around.now,
        order_state=wish.topic.order_state,
        reason=clean(wish.reason, MAX_REASON) or room.reason,
    )
    uow.rooms.save(again)
    for subject in {again.subject, again.source}:
        uow.rooms.watch(again.number, subject, 0)
    text = f"{wish.by.name}重开作战室" + (f"：{clean(wish.reason, MAX_REASON)}" if wish.reason else "")
    note(uow, again, LineKind.OPEN, text, wish.speaker, around.now)
    audit(
        uow, again, "room.reopened", wish.speaker, around.now, {"reason": wish.reason, "round": again.round}
    )
    await mirror(uow, again, text, around, said_in=wish.speaker.here)
    for group in await uow.rooms.groups(room.number):
        if group.chat_id:
            args = {"platform": group.platform, "app": group.app, "name": again.name, "card": "yes"}
            uow.send(
                Effect("room.change", room_subject(room.number), args),
                key=f"room.reopen.{room.number}.{again.round}.{group.platform}.{group.app}",
            )
    but = wish.speaker.here.account if wish.speaker.here and not wish.speaker.here.chat_id else None
    people = [member.staff_id for member in again.members]
    show_room(uow, again, people, around, doors=by_card(around), but=but)
    return await join(uow, again, wish.by, wish.speaker, around) if not again.has(wish.by.id) else again
