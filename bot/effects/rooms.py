"""A room's groups at the chat platforms, and its report: each made once, however often the effect is tried."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.effects_types import EffectContext, EffectHandler, EffectRefused, EffectRetry
from bot.logs import log
from bot.room_report import XLSX, workbook
from cards.door import ChatDoor, DoorError, GroupMade, Refused
from cards.room import Inside, inside
from cards.room_words import opening_text, platform_name, surroundings
from domain.chat import Account, Recipient
from domain.kept_file import kept
from domain.outbox import Effect, SendCard, SendFile, SendText
from domain.ports import Conflict, UnitOfWork
from domain.room import LineKind, Room, RoomGroup, room_subject
from domain.room_end import group_reader
from domain.room_people import next_owner
from domain.room_tell import MACHINE, Around, note, show_room, tell_people

Door = tuple[str, str]
MERGES = 8  # times a group that stands is noted in a room that changes all the while


async def room_create(context: EffectContext, effect: Effect, attempt: int) -> None:
    """The group behind one door. Refused: the room goes on one to one, and its owner hears why and what to do."""
    room, door = await _room(context, effect), _door_of(effect)
    around = surroundings(context.scene)
    uow = context.unit_of_work()
    if any(group.chat_id and _at(group) == door for group in await uow.rooms.groups(room.number)):
        context.finish(uow, {"outcome": "there already"})
        await uow.commit()
        return
    accounts = _accounts(room, around, door)
    chat = context.door(Account(*door, ""))
    try:
        made = await chat.create_group(
            room.name, accounts[0], accounts[1:], key=f"room.{room.number}", attempt=attempt
        )
        await _note_group(context, room, door, chat, made)
    except Refused as error:
        await _without_group(context, room, door, str(error))
    except DoorError as error:  # nothing was made, or nobody knows: the door can tell on the next try
        raise EffectRetry(str(error), error.retry_after) from error


async def _note_group(
    context: EffectContext, room: Room, door: Door, chat: ChatDoor, made: GroupMade
) -> None:
    """What is said and who joins while the group is being made changes the room: then it is looked at again here, for
    making the group again is what must not happen."""
    known = {member.staff_id for member in room.members}
    for tries in range(1, MERGES + 1):
        now = await _room_now(context, room.number)
        late = [member.staff_id for member in now.members if member.staff_id not in known]
        accounts = surroundings(context.scene).accounts(late, door)
        if accounts:
            added = await chat.change_group(made.chat_id, add=accounts, handle=made.handle)
            made = replace(made, missing=(*made.missing, *added.missing))
            known |= set(late)
        try:
            await _with_group(context, now, door, made)
        except Conflict:
            if tries == MERGES:
                raise
        else:
            return


async def _with_group(context: EffectContext, room: Room, door: Door, made: GroupMade) -> None:
    platform, app = door
    around = surroundings(context.scene)
    missing = tuple(dict.fromkeys(_name(context, account) for account in made.missing))
    group = RoomGroup(room.number, platform, app, made.chat_id, made.handle, "", missing, made.to_do)
    uow = context.unit_of_work()
    uow.rooms.save(room)
    uow.rooms.save_group(group)
    address = context.scene.link(f"rooms/{room.number}", group_reader(room.number))
    said = (LineKind.NOTE, LineKind.DECISION, LineKind.NEWS, LineKind.TASK)
    before = [line for line in await uow.rooms.lines(room.number, 20) if line.kind in said]
    opening = opening_text(room, group, around, address, before)
    uow.send(SendText(group.here, opening), key=f"{context.key}.opening")
    if around.doors[door].cards_to_groups:
        uow.send(SendCard(group.here, room_subject(room.number)), key=f"{context.key}.card")
    text = f"{platform_name(platform)}群已建"
    if missing:
        text += f"，没能拉进来：{'、'.join(missing)}"
    note(uow, room, LineKind.PEOPLE, text, MACHINE, around.now, f"group.{platform}.{app}")
    if made.to_do:
        _tell_owner(uow, context, room, f"{room.name} 的{platform_name(platform)}群还差一步：{made.to_do}")
    uow.touch(room_subject(room.number))
    context.finish(uow, {"outcome": "made", "chat": made.chat_id, "missing": missing})
    await uow.commit()


async def _without_group(context: EffectContext, room: Room, door: Door, why: str) -> None:
    platform, app = door
    around = surroundings(context.scene)
    uow = context.unit_of_work()
    uow.rooms.save_group(RoomGroup(room.number, platform, app, note=why))
    text = f"{platform_name(platform)}群没有建成：{why}"
    note(uow, room, LineKind.PEOPLE, text, MACHINE, around.now, f"group.{platform}.{app}")
    _tell_owner(
        uow,
        context,
        room,
        f"{room.name}（{room.number}）：{text}\n作战室照常用：大家一对一收卡片，发 记录 / 决定 / 派活 都会记下来。"
        "需要群的话，请按上面的原因处理后自己拉一个",
    )
    show_room(uow, room, [member.staff_id for member in room.members], around, doors=[door])
    uow.touch(room_subject(room.number))
    context.finish(uow, {"outcome": "refused", "why": why})
    await uow.commit()
    log.warning("a room has no group", room=room.number, platform=platform, why=why)


async def room_change(context: EffectContext, effect: Effect, _attempt: int) -> None:
    """Members or the name of a group that stands; a refusal costs nothing but a line in the timeline."""
    room, door = await _room(context, effect), _door_of(effect)
    around = surroundings(context.scene)
    uow = context.unit_of_work()
    group = next((g for g in await uow.rooms.groups(room.number) if _at(g) == door and g.chat_id), None)
    outcome = "no group"
    if group is not None:
        added = around.accounts([effect.args["add"]], door) if "add" in effect.args else []
        outcome = await _change(context, uow, room, group, added, effect.args.get("name", ""))
        if effect.args.get("card") and around.doors[door].cards_to_groups:
            uow.send(SendCard(group.here, room_subject(room.number)), key=f"{context.key}.card")
    context.finish(uow, {"outcome": outcome})
    await uow.commit()


async def _change(
    context: EffectContext,
    uow: UnitOfWork,
    room: Room,
    group: RoomGroup,
    added: Sequence[Account],
    name: str,
) -> str:
    chat = context.door(Account(group.platform, group.app, ""))
    try:
        changed = await chat.change_group(group.chat_id, add=added, name=name, handle=group.handle)
    except Refused as error:
        text = f"{platform_name(group.platform)}群没有改成：{error}"
        note(uow, room, LineKind.PEOPLE, text, MACHINE, context.clock.now(), f"{context.key}.refused")
        _tell_owner(uow, context, room, f"{room.name}：{text}")
        return "refused"
    except DoorError as error:
        raise EffectRetry(str(error), error.retry_after) from error
    missing = tuple(_name(context, account) for account in changed.missing)
    if missing:
        uow.rooms.save_group(replace(group, missing=tuple(dict.fromkeys((*group.missing, *missing)))))
        uow.touch(room_subject(room.number))
    return "changed"


async def room_report(context: EffectContext, effect: Effect, _attempt: int) -> None:
    """The report as a workbook: into every group, and one to one to whoever sits in none."""
    room = await _room(context, effect)
    uow = context.unit_of_work()
    given = await inside(uow, room, limit=1000)
    content = await asyncio.to_thread(workbook, given, context.scene.shop_name(room.shop_code))
    name = f"作战报告-{room.number}.xlsx"
    file = kept(name, XLSX, content, context.clock.now())
    uow.files.save(file)
    uow.rooms.save(replace(room, report=file.id))
    for to in _readers(given, context):
        if context.door(to.account).capabilities.sends_files:
            uow.send(SendFile(to, file.id, name), key=f"{context.key}.{to.lane}")
    around = surroundings(context.scene)
    address = context.scene.link(f"rooms/{room.number}", room.ended_by)
    if address:
        text = f"{room.name} 的报告（7 天内有效，只给你自己看）：\n{address}"
        tell_people(uow, [room.ended_by], text, around, key=f"{context.key}.link")
    context.finish(uow, {"outcome": "sent", "file": file.id})
    await uow.commit()


def _readers(given: Inside, context: EffectContext) -> list[Recipient]:
    around = surroundings(context.scene)
    standing = [group for group in given.groups if group.chat_id]
    found = [group.here for group in standing]
    people = [member.staff_id for member in given.room.members]
    doors = {_at(group) for group in standing}
    alone = [door for door in around.doors if door not in doors]
    return [*found, *(Recipient(account) for door in alone for account in around.accounts(people, door))]


async def _room(context: EffectContext, effect: Effect) -> Room:
    return await _room_now(context, effect.subject.id)


async def _room_now(context: EffectContext, number: str) -> Room:
    room = await context.unit_of_work().rooms.get(number)
    if room is None:
        raise EffectRefused(f"no room {number}")
    return room


def _door_of(effect: Effect) -> Door:
    return effect.args["platform"], effect.args["app"]


def _at(group: RoomGroup) -> Door:
    return group.platform, group.app


def _accounts(room: Room, around: Around, door: Door) -> list[Account]:
    """The members' accounts behind this door, the owner's first: that is whose group it will be."""
    owner = next_owner(room, around.directory, around.doors)
    people = [owner.id if owner else room.owner, *(member.staff_id for member in room.members)]
    accounts = around.accounts(dict.fromkeys(people), door)
    if not accounts:
        raise EffectRefused(f"nobody of room {room.number} has an account at {door[0]}:{door[1]}")
    return accounts


def _name(context: EffectContext, account: Account) -> str:
    person = context.scene.directory.by_account(account)
    return person.name if person else account.user_id


def _tell_owner(uow: UnitOfWork, context: EffectContext, room: Room, text: str) -> None:
    around = surroundings(context.scene)
    owner = next_owner(room, around.directory, around.doors)
    if owner is not None:
        tell_people(uow, [owner.id], text, around, key=f"{context.key}.owner")


EFFECTS: Mapping[str, EffectHandler] = {
    "room.create": room_create,
    "room.change": room_change,
    "room.report": room_report,
}
