"""`demo`: server, sandbox and web chat console on one port; nothing to configure."""

from __future__ import annotations

import argparse
import asyncio
import socket
from datetime import timedelta
from pathlib import Path

from bot import logs
from bot.commands.sandbox import HOST, build, credentials, prepare
from bot.compose import Desk, build_desk
from bot.gallery import gallery_routes
from bot.job_ports import JobPorts
from bot.listen import open_socket, port_of, stand, until_stopped
from bot.sandbox_connect import connect
from bot.sandbox_settings import sandbox_settings
from bot.server import build_app
from domain.ports import Window
from domain.sync_read import read_long
from jobs import sync

NAME = "demo"
HELP = "try everything on this machine: server, sandbox and console on one port"
SEEDED_DAYS = 8  # one more than the sandbox's week
UPLOADS = 32 * 1024 * 1024  # bytes; the sandbox takes files as the real platforms do


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8080, help="default 8080; 0 is any free port")
    parser.add_argument("--data", type=Path, default=Path("data/demo"), help="where the demo keeps its data")
    parser.add_argument("--fresh", action="store_true", help="start over with new data")


def run(args: argparse.Namespace) -> int:
    with open_socket(HOST, args.port, setting="--port") as sock:
        prepare(args.data, fresh=args.fresh)
        with (args.data / "demo.log").open("a", encoding="utf-8") as out:
            logs.configure("info", "json", out)
            asyncio.run(_demo(args.data, sock))
    return 0


async def _demo(folder: Path, sock: socket.socket) -> None:
    port = port_of(sock)
    sandbox = build(folder, port)
    settings = sandbox_settings(credentials(sandbox), port=port, folder=folder)
    # One clock for both sides: when the console moves it, tokens, codes and lamps age together.
    desk = build_desk(settings, clock=sandbox.world.clock)
    try:
        app = build_app(desk, max_body=UPLOADS)
        app.add_routes(gallery_routes())
        app.add_subapp("/sandbox", sandbox.app)
        runner = await stand(app, sock)
        try:
            await desk.start()
            await connect(desk, sandbox.world.base)
            await pull_orders(desk)
            await until_stopped(lambda: _announce(port))
            await desk.quiesce()  # while the sandbox still answers
        finally:
            await runner.cleanup()
    finally:
        await desk.stop()


async def pull_orders(desk: Desk) -> None:
    """Every order of the last days at once, up to this second, then as the job does it; safe to repeat."""
    context = JobPorts(desk.db, desk.scene, desk.shops, desk.payments).context("demo")
    now = desk.clock.now()
    window = Window(now - timedelta(days=SEEDED_DAYS), now + timedelta(minutes=1))
    for far in sync.shops_of(context):
        if far.shop.capabilities.pulls:
            taken = await read_long(sync.desk_of(context), far.shop, window)
            logs.log.info("orders pulled", shop=far.code, inserted=taken.inserted, updated=taken.updated)
    await sync.JOB.run(context)


async def _announce(port: int) -> None:
    print(f"前哨演示已就绪：http://{HOST}:{port}/sandbox/", flush=True)
