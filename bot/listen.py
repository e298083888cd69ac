"""Standing on a port: taken ports in plain words, and a stop that finishes what is in hand.

Several web processes may share one port (`server.reuse_port`): the kernel spreads new connections over those that
listen. One that leaves goes on answering for a moment, tells every client to come anew (`Connection: close`), takes
what the kernel has queued for it already, and only then closes: nobody who connected is turned away.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator

from aiohttp import web

BACKLOG = 1024
LINGER_SECONDS = 1.0  # for connections that are open and may be just sending something
_LOOK_SECONDS = 0.02


class CannotListen(Exception):
    """The port is taken or not allowed; the message says what to change."""


class Standing(web.AppRunner):
    """`leaving`: every answer from now on ends its connection."""

    leaving = False


def open_socket(
    host: str, port: int, *, setting: str = "server.port", reuse_port: bool = False
) -> socket.socket:
    """Bound, so that a taken port is known before anything else is done; port 0 is any free one.

    With `reuse_port` it does not listen yet: the kernel would give it connections before we are ready, away from
    those that are.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        _share(sock)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise CannotListen(_why(error, host, port, setting)) from error
    if reuse_port:
        return sock
    # A second process may bind with us before either listens: listening decides, so try it now.
    try:
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise CannotListen(_why(error, host, port, setting)) from error
    return sock


def _share(sock: socket.socket) -> None:
    option = getattr(socket, "SO_REUSEPORT", None)
    if option is None:
        sock.close()
        raise CannotListen("这个系统不支持几个进程共用一个端口：去掉 server.reuse_port，各用各的端口")
    sock.setsockopt(socket.SOL_SOCKET, option, 1)


def _why(error: OSError, host: str, port: int, setting: str) -> str:
    change = "换一个端口：" + (setting if setting.startswith("--") else f"改 {setting}，或加 --port")
    if error.errno == errno.EADDRINUSE:
        return f"端口 {port} 已被别的程序占用。{change}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"没有权限使用端口 {port}（1024 以下要管理员）。{change}"
    return f"不能在 {host}:{port} 上监听：{error.strerror}。请检查 server.host 和 {setting}"


def port_of(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


async def stand(app: web.Application, sock: socket.socket) -> Standing:
    """Serve the app; `cleanup()` of the runner ends it, `leave` before that ends it without turning anybody away."""
    runner = Standing(app, access_log=None, shutdown_timeout=2.0, handle_signals=False)

    async def say_goodbye(_request: web.BaseRequest, response: web.StreamResponse) -> None:
        if runner.leaving:
            response.force_close()
            response.headers["Connection"] = "close"

    app.on_response_prepare.append(say_goodbye)
    await runner.setup()
    await web.SockSite(runner, sock, backlog=BACKLOG).start()
    return runner


async def leave(runner: Standing, sock: socket.socket, seconds: float) -> None:
    """Go on answering for `seconds`, so that a proxy sees `/readyz` turn and moves on; then accept nothing new and
    wait until those who are here have gone, LINGER_SECONDS at most. `runner.cleanup()` comes after."""
    runner.leaving = True
    await asyncio.sleep(seconds)
    queue = sock.dup()  # keeps what waits in the kernel's queue when the server closes its own
    try:
        for site in list(runner.sites):
            await site.stop()
        assert runner.server is not None
        loop = asyncio.get_running_loop()
        for connection in _waiting(queue):
            await loop.connect_accepted_socket(runner.server, connection)
    finally:
        queue.close()
    await _gone(runner, LINGER_SECONDS)


def _waiting(queue: socket.socket) -> Iterator[socket.socket]:
    """Connections that the kernel has completed and nobody has accepted."""
    queue.setblocking(False)
    while True:
        try:
            connection, _ = queue.accept()
        except BlockingIOError:
            return
        except ConnectionAbortedError:
            continue
        connection.setblocking(False)
        yield connection


async def _gone(runner: Standing, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while runner.server is not None and runner.server.connections and loop.time() < end:  # noqa: ASYNC110 - aiohttp tells nobody
        await asyncio.sleep(_LOOK_SECONDS)


async def until_stopped(on_ready: Callable[[], Awaitable[None]] | None = None) -> signal.Signals:
    """Wait for Ctrl-C or SIGTERM; which of them it was."""
    gc.freeze()  # what stands now stands until the end: collections need not look at it
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[signal.Signals] = loop.create_future()

    def stop(number: signal.Signals) -> None:
        if not stopped.done():
            stopped.set_result(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    if on_ready is not None:
        await on_ready()
    return await stopped
