"""Which room somebody means: named, the one whose group they speak in, or the only one they are in."""

from __future__ import annotations

from collections.abc import Sequence

from cards.room_words import surroundings
from domain.room import Room, can_see_room
from domain.room_open import join
from domain.room_tell import Speaker
from domain.room_words import NUMBER
from handlers.router import Context


def speaker(ctx: Context) -> Speaker:
    return Speaker.of(ctx.staff, ctx.origin, ctx.here)


async def room_here(ctx: Context, text: str) -> tuple[Room | None, str]:
    """The room and the words without its number; None after saying what to type instead. Whoever speaks in a room's
    group was brought in by its people, and is a member from then on."""
    named = NUMBER.match(text.strip())
    if named:
        rest = text.strip()[named.end() :].lstrip("-").strip(" \u3000:：,，")
        return await visible_room(ctx, named[0]), rest
    if room := await _of_this_group(ctx):
        return room, text
    rooms = await ctx.uow.rooms.open_of_staff(ctx.staff.id)
    if len(rooms) == 1:
        return rooms[0], text
    if rooms:
        ctx.say(f"你在 {len(rooms)} 个作战室里，请带上编号，例如 {rooms[0].number}：\n{listed(rooms)}")
    else:
        ctx.say("你不在任何打开的作战室里。要开一个，发：作战室 订单号 原因")
    return None, text


async def _of_this_group(ctx: Context) -> Room | None:
    inbound = ctx.inbound
    if not inbound.chat_id:
        return None
    account = inbound.account
    room = await ctx.uow.rooms.by_chat(account.platform, account.app, inbound.chat_id)
    if room is None or can_see_room(ctx.staff, room) or not room.open:
        return room
    return await join(ctx.uow, room, ctx.staff, speaker(ctx), surroundings(ctx.scene))


async def visible_room(ctx: Context, number: str) -> Room | None:
    room = await ctx.uow.rooms.get(number.strip().upper())
    if room is None or not can_see_room(ctx.staff, room):
        ctx.say(f"没找到作战室“{number.strip()[:20]}”，发“作战室”看你在的")
        return None
    return room


def listed(rooms: Sequence[Room]) -> str:
    return "\n".join(f"· {room.number} {room.title} {room.label}" for room in rooms[:10])
