"""aiogram's webhook with 20 commands and its secret token checked: dispatch, run the handler, store nothing.

`--background` answers before the handler has run, as its documentation offers.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from aiogram import Bot, Dispatcher
from aiogram.filters import Command
from aiogram.types import Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from bench.standing import stand_until_stopped

COMMANDS = 20


async def _handle(message: Message) -> None:
    """As ours in this comparison: it has run, and says nothing."""
    assert message.text


def main() -> None:
    dispatcher = Dispatcher()
    for n in range(COMMANDS):
        dispatcher.message.register(_handle, Command(f"command{n}"))
    handler = SimpleRequestHandler(
        dispatcher=dispatcher,
        bot=Bot("42:bench"),
        handle_in_background="--background" in sys.argv,
        secret_token=os.environ["BENCH_SECRET_TOKEN"],
    )
    app = web.Application()
    handler.register(app, path="/webhook")
    stand_until_stopped(app)


if __name__ == "__main__":
    main()
