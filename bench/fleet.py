"""A fleet as it is run in earnest: durable PostgreSQL, Valkey, web processes on one port, workers, a scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import make_url

from bench import million, settings
from bench.callbacks import App
from bench.processes import OURS, server, spawn
from bot.settings import settings_from_text
from bot.settings_errors import SettingsError
from tests.far_servers import private_redis
from tests.servers import free_port, private_postgres


@dataclass(frozen=True)
class Servers:
    """Addresses of a PostgreSQL (default settings, `fsync` on) and of a Valkey of our own."""

    postgres: str
    redis: str

    async def database(self, name: str) -> str:
        """An empty database, as `database.url` wants it."""
        connection = await asyncpg.connect(self.postgres)
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        url = make_url(self.postgres).set(database=name, drivername="postgresql+asyncpg")
        return url.render_as_string(hide_password=False)

    async def postmaster(self) -> int:
        """PostgreSQL's process id, from its own lock file."""
        connection = await asyncpg.connect(self.postgres)
        try:
            folder = await connection.fetchval("SHOW data_directory")
        finally:
            await connection.close()
        file = Path(folder) / "postmaster.pid"
        return int((await asyncio.to_thread(file.read_text)).split("\n", 1)[0])


@contextmanager
def servers() -> Iterator[Servers]:
    """Blocks while they start; gone with their data afterwards."""
    with private_postgres("max_connections=300", durable=True) as postgres, private_redis() as redis:
        yield Servers(postgres, redis.url)


@asynccontextmanager
async def standing_servers() -> AsyncIterator[Servers]:
    """The same from a coroutine."""
    made = servers()
    found = await asyncio.to_thread(made.__enter__)
    try:
        yield found
    finally:
        await asyncio.to_thread(made.__exit__, None, None, None)


def dsn(url: str) -> str:
    """As asyncpg wants it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def write_config(
    folder: Path, app: App, far_port: int, users: Sequence[str], database: str, far: Servers, **more: Any
) -> Path:
    """Settings of a fleet; `more` are whole sections, `staff` of it is added to the users."""
    sections = settings.wecom_sections(app, far_port, users)
    sections["staff"] += more.pop("staff", [])
    port = free_port()
    return settings.write(
        folder,
        {
            "server": {
                "host": "127.0.0.1",
                "port": port,
                "public_url": f"http://127.0.0.1:{port}",
                "reuse_port": True,
            },
            "database": {"url": database},
            "queue": {"url": far.redis, "inbox_limit": 10_000_000},
            "cache": {"url": _cache(far)},
            "security": {"data_key": million.DATA_KEY},
            "logging": {"level": "warning"},
            **sections,
            **more,
        },
    )


def _cache(far: Servers) -> str:
    """Shared tokens, limits and breakers, where this version has them."""
    url = f"{far.redis}/1"
    try:
        settings_from_text(f"cache: {{url: '{url}'}}", environ={})
    except SettingsError:
        return "memory://"
    return url


async def upgrade(config: Path) -> None:
    """`db upgrade`, as an operator runs it before the first start."""
    process = await spawn(
        [OURS, "-m", "bot", "db", "upgrade", "--config", str(config)], log=config.with_suffix(".log")
    )
    await process.communicate()
    if process.returncode:
        raise RuntimeError(f"db upgrade ended with {process.returncode}")


@dataclass(frozen=True)
class Fleet:
    """`port` is the web processes'; `pids` by name (`web-0`, `worker-1` …); `ports` where each answers `/metrics`."""

    port: int
    pids: Mapping[str, int]
    ports: Mapping[str, int]


@asynccontextmanager
async def fleet(config: Path, *, webs: int, workers: int = 0, schedulers: int = 0) -> AsyncIterator[Fleet]:
    """The processes, ready; their errors beside the settings, one file each."""
    pids, ports = {}, {}
    shared = int(settings.read(config)["server"]["port"])
    async with AsyncExitStack() as stack:
        for role, count in (("web", webs), ("worker", workers), ("scheduler", schedulers)):
            for n in range(count):
                name, port = f"{role}-{n}", shared if role == "web" else 0
                command = [OURS, "-m", "bot", "serve", "--config", str(config)]
                command += ["--roles", role, "--port", str(port)]
                process = await stack.enter_async_context(server(command, log=log_of(config, name)))
                pids[name], ports[name] = process.pid, process.port
        yield Fleet(shared, pids, ports)


def log_of(config: Path, name: str) -> Path:
    return config.with_name(f"{config.stem}-{name}.log")
