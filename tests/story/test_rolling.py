"""A release by rolling restart: web processes that share a port are restarted one after the other while WeCom goes on
sending, and no callback is lost. What the platform does when nobody answers is its own rule (wecom.md §2.7): the same
delivery again, three times in all."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa
from aiohttp import web

from bench.callbacks import App, Callback, taps
from bench.settings import write
from bot.listen import leave, open_socket, port_of, stand
from bot.system_clock import SystemClock
from storage.database import Database, open_database
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
KEY = bytes(range(32))
APP = App()
PATIENCE = 120.0  # seconds; only a broken start or stop needs them
SENDERS = 8
DELIVERIES = 3  # the platform's: the first, and two more when it was not answered
SEED = 20261122


def settings_file(folder: Path, url: str, port: int, **server: Any) -> Path:
    wecom = {
        "api_base": "http://127.0.0.1:1",  # only the way in is looked at
        "corp_id": APP.corp_id,
        "agent_id": APP.agent_id,
        "secret": APP.secret,
        "token": APP.token,
        "encoding_aes_key": APP.encoding_aes_key,
    }
    return write(
        folder,
        {
            "server": {"host": "127.0.0.1", "port": port, **server},
            "database": {"url": url},
            "security": {"data_key": KEY.hex()},
            "logging": {"level": "error"},
            "chat": {"wecom": {APP.name: wecom}},
            "staff": [{"name": "客服", "roles": ["service"], "accounts": {"wecom": "lin"}}],
        },
    )


async def begin(config: Path, *arguments: str) -> Process:
    """`python -m bot serve`, once it has said that it is ready."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("QIANSHAO__")}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "serve", "--config", str(config), *arguments,
        cwd=ROOT, env=environ, stdout=PIPE, stderr=DEVNULL,
    )  # fmt: skip
    assert child.stdout is not None
    async with asyncio.timeout(PATIENCE):
        line = (await child.stdout.readline()).decode()
    assert "前哨已启动" in line, line
    return child


async def end(child: Process) -> int:
    child.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE):
        return await child.wait()


async def kill_what_is_left(children: list[Process]) -> None:
    for child in children:
        if child.returncode is None:
            child.kill()
        await child.wait()


class Platform:
    """WeCom, sending without pause until it is told to stop. `tries` counts deliveries of each callback."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.stop = asyncio.Event()
        self.answered: list[Callback] = []
        self.tries: Counter[int] = Counter()
        self.unanswered = 0
        self._moments = random.Random(SEED)

    async def send(self) -> None:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as http,
            asyncio.TaskGroup() as group,
        ):
            for number in range(SENDERS):
                group.create_task(self._sender(http, f"user{number}"))

    async def _sender(self, http: aiohttp.ClientSession, user: str) -> None:
        while not self.stop.is_set():
            (callback,) = taps(APP, [user], 1, self._moments)
            await self._deliver(http, callback)
            await asyncio.sleep(self._moments.uniform(0, 0.02))  # the machine has other work to do as well

    async def _deliver(self, http: aiohttp.ClientSession, callback: Callback) -> None:
        url = f"{self.base}/callback/wecom/{APP.name}?{callback.query}"
        for attempt in range(1, DELIVERIES + 1):
            try:
                async with http.post(url, data=callback.body) as answer:
                    if answer.status == 200:
                        self.answered.append(callback)
                        self.tries[attempt] += 1
                        return
            except (aiohttp.ClientError, TimeoutError):
                continue
        self.unanswered += 1


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    db = open_database(url, clock=SystemClock(), data_key=KEY)
    try:
        yield db
    finally:
        await db.close()


@pytest.mark.timeout(300)
async def test_a_rolling_restart_loses_no_callback(postgres_database: str, tmp_path: Path) -> None:
    url = sa.make_url(postgres_database).set(drivername="postgresql+asyncpg")
    text = url.render_as_string(hide_password=False)
    async with opened(text) as db:
        await db.upgrade()
    port = free_port()
    config = settings_file(tmp_path, text, port, reuse_port=True, drain_seconds=0.3)
    web_only = ("--roles", "web")
    children = [await begin(config, *web_only), await begin(config, *web_only)]
    platform = Platform(port)
    sending = asyncio.create_task(platform.send())
    try:
        for number in (0, 1):
            while len(platform.answered) < 200 * (number + 1):
                await asyncio.sleep(0.05)
            assert await end(children[number]) == 0
            children.append(await begin(config, *web_only))
        seen = len(platform.answered)
        while len(platform.answered) < seen + 200:
            await asyncio.sleep(0.05)
        platform.stop.set()
        await sending
        assert [await end(child) for child in children[2:]] == [0, 0]
    finally:
        sending.cancel()
        await kill_what_is_left(children)
    print(f"{len(platform.answered)} callbacks, deliveries needed: {dict(platform.tries)}")
    assert platform.unanswered == 0
    assert max(platform.tries) <= 2, "the platform would have had to come a third time"
    await hold_against_the_inbox(text, platform)


async def hold_against_the_inbox(url: str, platform: Platform) -> None:
    async with opened(url) as db:
        statement = sa.text("SELECT payload FROM inbox")
        kept = Counter(bytes(row) for row in await db.read(lambda c: c.execute(statement).scalars().all()))
    assert kept == Counter(callback.plain for callback in platform.answered)


async def test_who_leaves_says_so_first_and_answers_who_still_comes(tmp_path: Path) -> None:
    port = free_port()
    url = f"sqlite+aiosqlite:///{tmp_path / 'q.db'}"
    config = settings_file(tmp_path, url, port, drain_seconds=8)
    child = await begin(config)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            async with http.get("/readyz") as answer:
                assert answer.status == 200
                assert answer.headers.get("Connection", "keep-alive") != "close"
            child.send_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE):
                while await status(http, "/readyz") != 503:
                    await asyncio.sleep(0.01)
            (callback,) = taps(APP, ["lin"], 1, random.Random(SEED))
            path = f"/callback/wecom/{APP.name}?{callback.query}"
            async with http.post(path, data=callback.body) as answer:
                assert (answer.status, answer.headers["Connection"]) == (200, "close")
        async with asyncio.timeout(PATIENCE):
            assert await child.wait() == 0
    finally:
        await kill_what_is_left([child])
    async with opened(url) as db:
        depth = await db.inbox.depth()
        done = await db.read(
            lambda c: c.execute(sa.text("SELECT count(*) FROM inbox WHERE state = 'done'")).scalar()
        )
    assert (done, depth["ready"] + depth["running"]) in ((1, 0), (0, 1)), (
        "kept, and handled or left to the next"
    )


async def status(http: aiohttp.ClientSession, path: str) -> int:
    async with http.get(path) as answer:
        return answer.status


async def test_who_is_in_the_kernels_queue_already_is_served() -> None:
    """Connected before the process began to close, and not accepted yet."""

    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    with open_socket("127.0.0.1", 0, reuse_port=True) as sock:
        port = port_of(sock)
        runner = await stand(app, sock)
        # Nothing lets the loop run in between: these wait in the kernel.
        waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
        for connection in waiting:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await leave(runner, sock, 0)
        await runner.cleanup()
    answers = [await asyncio.to_thread(read_all, connection) for connection in waiting]
    assert all(answer.startswith(b"HTTP/1.1 200") and b"Connection: close" in answer for answer in answers)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def read_all(connection: socket.socket) -> bytes:
    with connection:
        connection.settimeout(PATIENCE)
        found = b""
        while part := connection.recv(4096):
            found += part
        return found


def test_a_shared_port_gives_nothing_to_who_is_not_ready() -> None:
    """Bound is not listening: else the kernel would send callbacks to a process that is still starting."""
    with open_socket("127.0.0.1", 0, reuse_port=True) as first:
        port = port_of(first)
        with open_socket("127.0.0.1", port, reuse_port=True), pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
