"""Standing on a port: taken ports in plain words, and a stop that finishes what is in hand."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web


class CannotListen(Exception):
    """The port is taken or not allowed; the message says what to change."""


def open_socket(host: str, port: int, *, setting: str = "server.port") -> socket.socket:
    """Bound but not yet listening, so that nothing can connect before we are ready; port 0 is any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise CannotListen(_why(error, host, port, setting)) from error
    # A second process may bind with us before either listens: listening decides, so try it now.
    try:
        sock.listen(1024)
    except OSError as error:
        sock.close()
        raise CannotListen(_why(error, host, port, setting)) from error
    return sock


def _why(error: OSError, host: str, port: int, setting: str) -> str:
    change = "换一个端口：" + (setting if setting.startswith("--") else f"改 {setting}，或加 --port")
    if error.errno == errno.EADDRINUSE:
        return f"端口 {port} 已被别的程序占用。{change}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"没有权限使用端口 {port}（1024 以下要管理员）。{change}"
    return f"不能在 {host}:{port} 上监听：{error.strerror}。请检查 server.host 和 {setting}"


def port_of(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


async def stand(app: web.Application, sock: socket.socket) -> web.AppRunner:
    """Serve the app; `cleanup()` of the runner ends it."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0, handle_signals=False)
    await runner.setup()
    await web.SockSite(runner, sock).start()
    return runner


async def until_stopped(on_ready: Callable[[], Awaitable[None]] | None = None) -> None:
    """Wait for Ctrl-C or SIGTERM."""
    gc.freeze()  # what stands now stands until the end: collections need not look at it
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if on_ready is not None:
        await on_ready()
    await stop.wait()
