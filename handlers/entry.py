"""The way in: one incoming item to the one handler it belongs to."""

from __future__ import annotations

from cards.action import BadAction, decode
from cards.words import words
from domain.chat import (
    Attachment,
    Entered,
    Inbound,
    MenuClick,
    Message,
    Recipient,
    SubjectRef,
    Tap,
    Unhandled,
    folded,
)
from domain.outbox import Effect, SendText
from domain.ports import UnitOfWork
from handlers.nearest import nearest_commands
from handlers.router import Command, Context, Routes

NOT_TEXT = frozenset({"voice", "image", "video", "location", "link", "file", "picture", "audio"})
_BETWEEN = " \t\r\n\u3000:：,，"


async def handle(ctx: Context) -> None:
    """Answer a known member of staff. Sets `ctx.handled_by`; leaves it empty when nothing took the item."""
    match ctx.inbound:
        case Message(text=text):
            await _message(ctx, text.strip())
        case Tap() as tap:
            await _tap(ctx, tap)
        case MenuClick(menu_key=key):
            await _menu(ctx, key)
        case Attachment() as file:
            _file(ctx, file)
        case Entered():
            await _event(ctx, "entered")
        case Unhandled(kind=kind) if kind in NOT_TEXT:
            ctx.handled_by = "not_text"
            ctx.say("这里只认文字、文件和卡片按钮，请把订单号或要办的事打成文字；发“帮助”看用法")


def _file(ctx: Context, file: Attachment) -> None:
    """Fetching a file takes time: acknowledged in words, read by the effect (bot/effects/files.py)."""
    ctx.handled_by = "file"
    args = {**ctx.here.to_args(), "ref": file.ref, "name": file.name, "staff": ctx.staff.id}
    ctx.uow.send(Effect("file.take", SubjectRef("file", ctx.uow.trace_id), args))
    ctx.say(f"收到 {file.name}，正在读，读完告诉你结果")


async def handle_stranger(inbound: Inbound, here: Recipient, uow: UnitOfWork) -> None:
    """Somebody who is not in `staff:`: polite, and nothing revealed."""
    if isinstance(inbound, Message | Tap | MenuClick | Attachment):
        account = inbound.account.user_id or "（组织外账号）"
        uow.send(
            SendText(here, f"你好，前哨只为已登记的同事服务。请把你的账号“{account}”发给管理员登记后再试。")
        )


def find_command(routes: Routes, text: str) -> tuple[Command, str] | None:
    """The command a text begins with and the rest of it: by first word, else by longest known beginning."""
    head = text.split(None, 1)[0] if text else ""
    command = routes.words.get(head.casefold())
    if command is not None:
        return command, text[len(head) :].strip(_BETWEEN)
    for size in range(min(routes.longest_word, len(text)), 1, -1):
        command = routes.words.get(text[:size].casefold())
        # Latin words need a space behind them: "order123" may be a number, "查单4123" is plain.
        if command is not None and not text[:size].isascii():
            return command, text[size:].strip(_BETWEEN)
    return None


async def _message(ctx: Context, text: str) -> None:
    found = find_command(ctx.routes, text)
    if found is not None:
        await _command(ctx, *found)
        return
    for handler in ctx.routes.free_text:
        if await handler(ctx, text):
            ctx.handled_by = handler.__name__
            return
    ctx.handled_by = "not_understood"
    nearest = nearest_commands(allowed_commands(ctx), text)
    ctx.say(words("not_understood", text=text[:20], nearest=nearest, looked=()))


async def _command(ctx: Context, command: Command, rest: str) -> None:
    ctx.handled_by = command.name
    if not command.allowed(ctx.staff, ctx.scene.policies):
        ctx.say(f"你的角色不能用“{command.name}”。发“帮助”看你能用的命令，需要权限请找主管。")
        return
    await command.handler(ctx, rest)


def allowed_commands(ctx: Context) -> tuple[Command, ...]:
    """What this person may do, in the order of registration."""
    return tuple(c for c in ctx.routes.commands if c.allowed(ctx.staff, ctx.scene.policies))


async def _tap(ctx: Context, tap: Tap) -> None:
    try:
        action = decode(tap.action)
    except BadAction:
        ctx.handled_by = "bad_action"
        ctx.say("这个按钮已失效，请重新查单再点")
        return
    if not _addressed_to(ctx, tap):
        ctx.handled_by = "foreign_card"
        ctx.say("这张卡片不是发给你的，请自己查单后再操作")
        return
    handler = ctx.routes.taps.get(action.verb)
    if handler is None:
        ctx.say("这个按钮现在不能用了，请重新查单")
        return
    ctx.handled_by = action.verb
    await handler(ctx, tap, action)


def _addressed_to(ctx: Context, tap: Tap) -> bool:
    """A card sent one to one may only be tapped by its recipient; a group's card by anyone in the group."""
    if ctx.card is None:
        return False
    to = ctx.card.recipient
    return bool(to.chat_id) or folded(to.account) == folded(tap.account)


async def _menu(ctx: Context, key: str) -> None:
    """A menu key is a command word (`帮助`), or has a handler of its own (`menu:<key>`)."""
    if key.casefold() in ctx.routes.words:
        await _command(ctx, ctx.routes.words[key.casefold()], "")
        return
    await _event(ctx, f"menu:{key}")


async def _event(ctx: Context, kind: str) -> None:
    handler = ctx.routes.events.get(kind)
    if handler is not None:
        ctx.handled_by = kind
        await handler(ctx)
