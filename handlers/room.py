"""作战室, 记录, 决定, 作战报告: open a room, speak in it, read what became of it."""

from __future__ import annotations

from cards.action import Action
from cards.room_words import surroundings
from domain.chat import Account, Recipient, SubjectRef, Tap
from domain.lookup import find_tokens, search
from domain.outbox import SendCard, SendText
from domain.refund_request import order_subject
from domain.room import LineKind, Room, room_subject
from domain.room_open import OpenWish, open_room, reopen
from domain.room_tell import audit, clean, mirror, note
from domain.room_topic import Topic, topic_of
from domain.room_words import NUMBER
from handlers.room_place import listed, room_here, speaker, visible_room
from handlers.router import Context, Router

router = Router(place=40)
_SOURCES = {"AL": "alert", "EX": "exception"}
_BETWEEN = " \u3000:：,，"


@router.command(
    "作战室",
    usage="作战室 [订单号/AL…/EX… 原因]",
    help="拉人建群处理一件事；不带内容看你在的作战室",
    aliases=("作战群", "开作战室", "zuozhanshi", "room"),
)
async def open_by_words(ctx: Context, text: str) -> None:
    words = text.strip(_BETWEEN)
    if not words:
        await _list(ctx)
        return
    if NUMBER.match(words):
        if room := await visible_room(ctx, words.split()[0]):
            ctx.show(room_subject(room.number))
        return
    head, _, reason = words.partition(" ")
    source = await _source(ctx, head.strip(_BETWEEN))
    if source is not None:
        await _open(ctx, source, reason.strip(_BETWEEN))


async def _list(ctx: Context) -> None:
    if ctx.inbound.chat_id:
        account = ctx.inbound.account
        room = await ctx.uow.rooms.by_chat(account.platform, account.app, ctx.inbound.chat_id)
        if room is not None:
            group = Recipient(Account(account.platform, account.app, ""), ctx.inbound.chat_id)
            ctx.uow.send(SendCard(group, room_subject(room.number)))
            return
    rooms = await ctx.uow.rooms.open_of_staff(ctx.staff.id)
    if len(rooms) == 1:
        ctx.show(room_subject(rooms[0].number))
    elif rooms:
        ctx.say(f"你在 {len(rooms)} 个作战室里：\n{listed(rooms)}\n看一个，发：作战室 {rooms[0].number}")
    else:
        ctx.say("你不在任何打开的作战室里。要开一个，发：作战室 订单号 原因")


async def _source(ctx: Context, word: str) -> SubjectRef | None:
    """What the first word names; None after saying that it names nothing."""
    kind = _SOURCES.get(word[:2].upper())
    if kind:
        return SubjectRef(kind, word.upper())
    found = await search(ctx.uow.orders, find_tokens(word), ctx.staff)
    if len(found.orders) == 1:
        return order_subject(found.orders[0].id)
    if found.orders:
        ctx.say(f"“{word[:20]}”对上了 {len(found.orders)} 张订单，请用完整订单号再发：作战室 订单号 原因")
    else:
        ctx.say(f"没找到“{word[:30]}”，请先查单核对，再发：作战室 订单号 原因")
    return None


@router.tap("room.open")
async def open_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    await _open(ctx, action.subject, "")


async def _open(ctx: Context, source: SubjectRef, reason: str) -> None:
    topic = await topic_of(ctx.uow, source, ctx.staff, ctx.scene.policies)
    if topic is None:
        ctx.say(f"没找到“{source.id[:20]}”，或不在你的范围内，请核对编号")
        return
    around = surroundings(ctx.scene)
    room, new = await open_room(ctx.uow, OpenWish(topic, ctx.staff, speaker(ctx), reason), around)
    if not new and room.open:
        ctx.say(f"这件事已有作战室 {room.number}（负责人 {room.owner_name}），不用再开")
    elif not new:
        ctx.say(f"{room.number} 已结束。情况又来了就发：重开作战室 {room.number} 原因")
    if ctx.inbound.chat_id:
        # The room's own card goes where its people are; this group is told that it stands.
        if new:
            ctx.say(f"作战室 {room.number} 已开，负责人 {room.owner_name}")
        return
    ctx.show(room_subject(room.number))


@router.command("重开作战室", usage="重开作战室 WR编号 原因", help="结束后情况又来了，接着用原来的群")
async def open_again(ctx: Context, text: str) -> None:
    number, _, reason = text.strip(_BETWEEN).partition(" ")
    room = await ctx.uow.rooms.get(number.upper())
    topic = await _topic_of_room(ctx, room) if room else None
    if room is None or topic is None:
        ctx.say(f"没找到作战室“{number[:20]}”，请核对 WR 编号")
        return
    if room.open:
        ctx.say(f"{room.number} 没有结束，不用重开")
    else:
        wish = OpenWish(topic, ctx.staff, speaker(ctx), reason.strip(_BETWEEN))
        room = await reopen(ctx.uow, room, wish, surroundings(ctx.scene))
    ctx.show(room_subject(room.number))


async def _topic_of_room(ctx: Context, room: Room) -> Topic | None:
    """By what it was opened from, else by what it is about: who may see either may open it again."""
    policies = ctx.scene.policies
    found = await topic_of(ctx.uow, room.source, ctx.staff, policies)
    return found or await topic_of(ctx.uow, room.subject, ctx.staff, policies)


@router.tap("room.refresh")
async def refresh(_ctx: Context, _tap: Tap, _action: Action) -> None:
    """The tapped card is drawn again for every tap; whether it may be seen is asked when it is drawn."""


@router.tap("room.show")
async def show(ctx: Context, _tap: Tap, action: Action) -> None:
    if room := await visible_room(ctx, action.subject.id):
        ctx.show(room_subject(room.number))


# --- speaking --------------------------------------------------------------------------------------------


@router.command("记录", usage="记录 [WR编号] 内容", help="记进作战室的时间线，各群同步", aliases=("jilu",))
async def record(ctx: Context, text: str) -> None:
    await _speak(ctx, text, LineKind.NOTE)


@router.command("决定", usage="决定 [WR编号] 内容", help="把决定记进作战室，各群同步", aliases=("jueding",))
async def decide(ctx: Context, text: str) -> None:
    await _speak(ctx, text, LineKind.DECISION)


async def _speak(ctx: Context, text: str, kind: LineKind) -> None:
    word = "决定" if kind is LineKind.DECISION else "记录"
    room, said = await room_here(ctx, text)
    if room is None:
        return
    said = clean(said)
    if not said:
        ctx.say(f"请写内容，例如：{word} 已联系仓库，今天补发")
        return
    if not room.open:
        ctx.say(f"{room.number} 已结束，记不进去了。要接着用，发：重开作战室 {room.number} 原因")
        return
    around, by = surroundings(ctx.scene), speaker(ctx)
    # Saved though nothing of it changes: what is said while somebody ends the room is decided again.
    ctx.uow.rooms.save(room)
    note(ctx.uow, room, kind, said, by, around.now)
    audit(ctx.uow, room, f"room.{kind.value}", by, around.now, {"text": said})
    mark = "【决定】" if kind is LineKind.DECISION else ""
    await mirror(ctx.uow, room, f"{mark}{ctx.staff.name}：{said}", around, said_in=ctx.here)
    ctx.uow.touch(room_subject(room.number), within=2.0)
    if not ctx.inbound.chat_id:
        ctx.say(f"已{word}到 {room.number}")


# --- reading ---------------------------------------------------------------------------------------------


@router.command(
    "作战报告", usage="作战报告 [WR编号]", help="看作战室的全部记录和报告", aliases=("zuozhanbaogao",)
)
async def report(ctx: Context, text: str) -> None:
    room, _ = await room_here(ctx, text)
    if room is not None:
        _send_link(ctx, room)


@router.tap("room.report")
async def report_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    if room := await visible_room(ctx, action.subject.id):
        _send_link(ctx, room)


def _send_link(ctx: Context, room: Room) -> None:
    """One to one always: the address opens with this person's rights."""
    address = ctx.scene.link(f"rooms/{room.number}", ctx.staff.id)
    text = f"{room.name}（7 天内有效，只给你自己看）：\n{address}"
    if not address:
        text = "还没配置外网地址（server.public_url），网页报告打不开；结束后会发文件"
    ctx.uow.send(SendText(Recipient(ctx.inbound.account), text))
