"""`serve`: the server, with the settings of config.yaml."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import signal
import socket

from bot import logs
from bot.compose import ROLES, Desk, build_desk
from bot.faults import CannotRun
from bot.listen import Standing, leave, open_socket, port_of, stand, until_stopped
from bot.logs import log
from bot.missing import nothing_to_serve
from bot.server import build_app
from bot.settings import Settings, load

NAME = "serve"
HELP = "run the server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=None, help="instead of server.port; 0 is any free port")
    parser.add_argument(
        "--roles", default=",".join(sorted(ROLES)), help="what this process does (default: everything)"
    )


def run(args: argparse.Namespace) -> int:
    settings = load(args.config)
    if args.port is not None:
        settings = dataclasses.replace(settings, server=dataclasses.replace(settings.server, port=args.port))
    roles = _roles(args.roles, settings)
    _check(settings)
    logs.configure(settings.logging.level, settings.logging.format)
    server = settings.server
    with open_socket(server.host, server.port, reuse_port=server.reuse_port) as sock:
        asyncio.run(_serve(settings, roles, sock))
    return 0


def _roles(text: str, settings: Settings) -> frozenset[str]:
    roles = frozenset(part.strip() for part in text.split(",") if part.strip())
    if not roles or roles - ROLES:
        raise CannotRun(f"--roles：可选 {'、'.join(sorted(ROLES))}，用逗号隔开")
    if roles != ROLES and settings.database.url.startswith("sqlite"):
        raise CannotRun(
            "--roles：SQLite 只能由一个进程承担全部角色；分进程运行要用 PostgreSQL（database.url）"
        )
    return roles


def _check(settings: Settings) -> None:
    """Half-filled apps are a mistake; apps nobody touched are only left off, if another one is ready."""
    unfinished = tuple(
        item
        for missing, untouched in (
            *((door.missing, door.untouched) for door in settings.doors),
            *((shop.missing, shop.untouched) for shop in settings.shops),
        )
        for item in missing
        if not untouched
    )
    if not any(door.values is not None for door in settings.doors):
        raise CannotRun(nothing_to_serve(settings.source, settings.missing))
    if unfinished:
        lines = "\n".join(str(item) for item in unfinished)
        raise CannotRun(f"{settings.source} 里有应用或店铺只填了一部分，还缺：\n{lines}")


async def _serve(settings: Settings, roles: frozenset[str], sock: socket.socket) -> None:
    desk = build_desk(settings, roles=roles)
    try:
        await desk.start()
        runner = await stand(build_app(desk), sock)
        try:
            stopped_by = await until_stopped(lambda: _announce(desk, sock))
            if stopped_by is signal.SIGTERM:  # an operator's stop; Ctrl-C is somebody at the keyboard
                await _drain(desk, runner, sock)
        finally:
            await runner.cleanup()  # no new callbacks, then what is in hand
    finally:
        await desk.stop()


async def _drain(desk: Desk, runner: Standing, sock: socket.socket) -> None:
    """`/readyz` says 503 first, so that a proxy moves on; nobody who is connected is turned away."""
    desk.ready = False
    log.info("leaving", seconds=desk.settings.server.drain_seconds)
    await leave(runner, sock, desk.settings.server.drain_seconds)


async def _announce(desk: Desk, sock: socket.socket) -> None:
    server = desk.settings.server
    public = server.public_url or f"http://{server.host}:{port_of(sock)}"
    for door in desk.doors.values():
        if door.capabilities.needs_public_url:
            address = f"{public}/callback/{door.platform}/{door.app}"
            log.info("callback address to enter in the console", platform=door.platform, url=address)
    print(f"前哨已启动：http://{server.host}:{port_of(sock)}", flush=True)
    log.info("ready", port=port_of(sock), roles=sorted(desk.roles))
