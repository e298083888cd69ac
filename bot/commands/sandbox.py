"""`sandbox`: only the simulated platforms, for a server or another client beside it."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from aiohttp import web

from bot.faults import CannotRun
from bot.listen import open_socket, port_of, stand, until_stopped
from bot.sandbox_settings import settings_data

if TYPE_CHECKING:
    from sandbox.app import Sandbox

NAME = "sandbox"
HELP = "run the simulated WeCom, DingTalk and shops alone"
HOST = "127.0.0.1"  # never further: its control API may do everything
MARK = "sandbox.db"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8090, help="default 8090; 0 is any free port")
    parser.add_argument("--data", type=Path, default=Path("data/sandbox"), help="where its world is kept")
    parser.add_argument("--fresh", action="store_true", help="start over with a new world")
    parser.add_argument(
        "--write-config",
        type=Path,
        metavar="FILE",
        help="write settings for a `serve` that uses this sandbox",
    )
    parser.add_argument("--bot-port", type=int, default=8080, help="the port of that `serve` (default 8080)")


def run(args: argparse.Namespace) -> int:
    prepare(args.data, fresh=args.fresh)
    with open_socket(HOST, args.port, setting="--port") as sock:
        asyncio.run(_serve(args, sock))
    return 0


def prepare(folder: Path, *, fresh: bool) -> None:
    """Make the folder; with `fresh` empty it first, if it is one of ours."""
    if fresh and folder.exists():
        if any(folder.iterdir()) and not (folder / MARK).exists():
            raise CannotRun(f"{folder} 里不是演示数据，没有删除任何东西；请换一个 --data")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def credentials(sandbox: Sandbox) -> dict[str, Any]:
    """The same as GET /sandbox/credentials, within one process."""
    chats = {name: platform.credentials() for name, platform in sandbox.platforms.items()}
    shops = sandbox.shops.credentials() if sandbox.shops else {}
    payments = sandbox.payments.credentials() if sandbox.payments else {}
    people = [vars(person) for person in sandbox.world.people]
    return {**chats, "shops": shops, "payments": payments, "people": people}


def build(folder: Path, port: int) -> Sandbox:
    """The world kept in `folder`, with a week of orders the first time."""
    from sandbox.app import build_sandbox
    from sandbox.shops.shop_world import ShopWorld

    sandbox = build_sandbox(path=folder / MARK)
    sandbox.world.base = f"http://{HOST}:{port}/sandbox"
    if isinstance(sandbox.shops, ShopWorld):
        sandbox.shops.seed_week()
    return sandbox


async def _serve(args: argparse.Namespace, sock: socket.socket) -> None:
    port = port_of(sock)
    sandbox = build(args.data, port)
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.add_subapp("/sandbox", sandbox.app)
    runner = await stand(app, sock)
    try:
        if args.write_config is not None:
            _write_config(sandbox, args)
        await until_stopped(lambda: _announce(port))
    finally:
        await runner.cleanup()


def _write_config(sandbox: Sandbox, args: argparse.Namespace) -> None:
    data = settings_data(credentials(sandbox), port=args.bot_port, folder=args.write_config.parent)
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    args.write_config.write_text(f"# 由 sandbox 写出，只用于沙箱\n{text}", encoding="utf-8")


async def _announce(port: int) -> None:
    print(f"沙箱已就绪：http://{HOST}:{port}/sandbox/", flush=True)
