"""The real server with stand-ins for `handlers.entry`: for what is measured before or beside the handlers.

`quick`: a handler that returns at once, as the peers' do. `hang`: every handler sleeps ten seconds.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from bot import logs
from bot.compose import build_desk
from bot.listen import open_socket, port_of, stand, until_stopped
from bot.server import build_app
from bot.settings import Settings, load
from domain.chat import Inbound, Recipient
from domain.ports import UnitOfWork
from handlers.router import Context

HANGING_SECONDS = 10.0


class Entry:
    """What the dispatcher needs of `handlers.entry`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def handle(self, ctx: Context) -> None:
        ctx.handled_by = "bench"
        if self._seconds:
            await asyncio.sleep(self._seconds)

    async def handle_stranger(self, _inbound: Inbound, _here: Recipient, _uow: UnitOfWork) -> None:
        if self._seconds:
            await asyncio.sleep(self._seconds)


async def _serve(settings: Settings, seconds: float) -> None:
    with open_socket("127.0.0.1", 0) as sock:
        desk = build_desk(settings, entry=Entry(seconds))
        try:
            await desk.start()
            runner = await stand(build_app(desk), sock)

            async def announce() -> None:
                print(f"ready {port_of(sock)}", flush=True)

            await until_stopped(announce)
            await runner.cleanup()
        finally:
            await desk.stop(seconds=1.0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--handlers", choices=("quick", "hang"), default="quick")
    args = parser.parse_args()
    settings = load(args.config)
    logs.configure(settings.logging.level, settings.logging.format)
    asyncio.run(_serve(settings, HANGING_SECONDS if args.handlers == "hang" else 0.0))


if __name__ == "__main__":
    main()
