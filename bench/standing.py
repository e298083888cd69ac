"""Serving an application on a free port until a signal comes; prints `ready PORT`. Needs aiohttp only."""

from __future__ import annotations

import asyncio
import signal

from aiohttp import web


def stand_until_stopped(app: web.Application) -> None:
    asyncio.run(_stand(app))


async def _stand(app: web.Application) -> None:
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    host, port = runner.addresses[0][:2]
    print(f"ready {port} on {host}", flush=True)
    await stopped.wait()
    await runner.cleanup()
