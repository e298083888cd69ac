"""aiogram's dispatcher without a network: reads `COMMANDS WHICH TIMES` lines, answers microseconds an update."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from time import perf_counter

from aiogram import Bot, Dispatcher
from aiogram.filters import Command
from aiogram.types import Chat, Message, MessageEntity, Update, User


async def _handle(message: Message) -> None:
    assert message.text


def _update(n: int, text: str) -> Update:
    """Validated beforehand: only the dispatch is measured."""
    user = User(id=1, is_bot=False, first_name="Lin")
    entity = MessageEntity(type="bot_command", offset=0, length=len(text.split()[0]))
    message = Message(
        message_id=n,
        date=datetime.now(UTC),
        chat=Chat(id=1, type="private"),
        from_user=user,
        text=text,
        entities=[entity],
    )
    return Update(update_id=n, message=message)


async def _measure(commands: int, which: str, times: int) -> float:
    dispatcher, bot = Dispatcher(), Bot("42:bench")
    for n in range(commands):
        dispatcher.message.register(_handle, Command(f"command{n}"))
    wanted = 0 if which == "first" else commands - 1
    updates = [_update(n, f"/command{wanted} 4123456789012345601") for n in range(times)]
    await dispatcher.feed_update(bot, updates[0])
    began = perf_counter()
    for update in updates:
        await dispatcher.feed_update(bot, update)
    return (perf_counter() - began) / times * 1e6


def main() -> None:
    for line in sys.stdin:
        commands, which, times = line.split()
        print(asyncio.run(_measure(int(commands), which, int(times))), flush=True)


if __name__ == "__main__":
    main()
