"""A simulated DingTalk, and replicas of a bot that hear it over Stream: ours, and the official SDK's."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import aiohttp
import sqlalchemy as sa

from bot.metrics import Metrics
from bot.receive import Receiver
from bot.system_clock import SystemClock
from cards.door import Verified
from integrations.chat.dingtalk import DingTalkDoor, DingTalkSettings
from sandbox.dingtalk.courier import Connection
from sandbox.faults import Fault
from storage.database import Database, open_database
from storage.tables import inbox
from tests.sandbox import dingtalk_sdk_client
from tests.sandbox.dingtalk_kit import Kit, dingtalk

SPEAKER = "0101"
PATIENCE = 180.0  # seconds; only something broken needs them
SDK = str(Path(dingtalk_sdk_client.__file__))
FIGURES = {"qps": "100000", "monthly_messages": "1000000", "monthly_calls": "1000000", "late_seconds": "2"}


class Replica(Protocol):
    """One process of a bot, connected once `start` returns."""

    app: dict[str, Any]

    async def start(self) -> None: ...

    async def stop(self) -> None:
        """As SIGTERM does."""
        ...


@dataclass
class Ours:
    """The product's own door, its frames kept in the inbox that all replicas share."""

    kit: Kit
    app: dict[str, Any]
    session: aiohttp.ClientSession
    receiver: Receiver
    _door: DingTalkDoor | None = None
    _running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        settings = DingTalkSettings(
            api_base=self.kit.base,
            oapi_base=self.kit.base,
            client_id=str(self.app["client_id"]),
            client_secret=str(self.app["client_secret"]),
        )
        door = self._door = DingTalkDoor(str(self.app["app"]), settings, self.session, SystemClock())

        async def receive(item: Verified) -> bool:
            return await self.receiver.receive(door.platform, door.app, item)

        known = set(connections(self.kit, self.app))
        self._running = asyncio.create_task(door.run_stream(receive))
        await until(lambda: set(connections(self.kit, self.app)) - known)

    async def stop(self) -> None:
        if self._door is not None and self._running is not None:
            await self._door.stop()
            await self._running
        self._door = self._running = None


@dataclass
class Official:
    """`dingtalk-stream` in a process of its own; it echoes what it hears."""

    kit: Kit
    app: dict[str, Any]
    _process: Process | None = None

    async def start(self) -> None:
        env = {**os.environ, "DINGTALK_OPENAPI_ENDPOINT": self.kit.base, "NO_PROXY": "127.0.0.1"}
        command = (sys.executable, SDK, str(self.app["client_id"]), str(self.app["client_secret"]))
        known = set(connections(self.kit, self.app))
        self._process = await asyncio.create_subprocess_exec(
            *command, env=env, stdout=DEVNULL, stderr=DEVNULL
        )
        await until(lambda: set(connections(self.kit, self.app)) - known)

    async def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()
        self._process = None


@dataclass
class World:
    """The platform and what reached whom. An app belongs to replicas of one kind."""

    kit: Kit
    db: Database
    session: aiohttp.ClientSession
    receiver: Receiver
    _stack: AsyncExitStack
    _apps: int = 0
    said: dict[str, list[str]] = field(default_factory=dict)  # by app: the texts

    def app(self) -> dict[str, Any]:
        self._apps += 1
        return self.kit.sim.new_app({"name": f"bench{self._apps}"})

    async def ours(self, app: dict[str, Any]) -> Replica:
        return await self._join(Ours(self.kit, app, self.session, self.receiver))

    async def official(self, app: dict[str, Any]) -> Replica:
        return await self._join(Official(self.kit, app))

    async def _join(self, replica: Replica) -> Replica:
        self._stack.push_async_callback(replica.stop)
        await replica.start()
        return replica

    async def say(self, app: dict[str, Any]) -> None:
        texts = self.said.setdefault(str(app["app"]), [])
        texts.append(f"第{len(texts):05d}句")
        await self.kit.sim.say(SPEAKER, texts[-1], app=str(app["app"]), attachments=[])

    def plant(self, kind: str, app: dict[str, Any]) -> None:
        self.kit.world.faults.plant(Fault("dingtalk", kind, count=1, args={"app": str(app["app"])}))

    async def kept(self, app: dict[str, Any]) -> Counter[str]:
        """Rows of our inbox, by the message they are about."""
        rows = sa.select(inbox.c.key).where(inbox.c.app == app["app"])
        return Counter(await self.db.read(lambda connection: list(connection.execute(rows).scalars())))

    def echoed(self, app: dict[str, Any]) -> Counter[str]:
        """What the official SDK's bot answered, by text."""
        found = self.kit.sim.messages(user=SPEAKER)
        mine = [m for m in found if m["app"] == app["app"] and m["from"] == "bot"]
        return Counter(str(m["text"]) for m in mine)


@asynccontextmanager
async def open_world(folder: Path) -> AsyncIterator[World]:
    db = open_database(f"sqlite+aiosqlite:///{folder / 'inbox.db'}", clock=SystemClock(), data_key=bytes(32))
    await db.upgrade()
    try:
        async with dingtalk() as kit, aiohttp.ClientSession() as session, AsyncExitStack() as stack:
            kit.switch(**FIGURES)
            yield World(kit, db, session, Receiver(db.inbox, Metrics()), stack)
    finally:
        await db.close()


def connections(kit: Kit, app: dict[str, Any]) -> list[Connection]:
    """Those that hear: neither dead nor draining."""
    found = kit.sim.courier.connections(str(app["app"]))
    return [one for one in found if not one.dead and not one.draining and not one.socket.closed]


async def until(condition: Callable[[], object]) -> float:
    """When it became true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what the gateway knows has no event
            await asyncio.sleep(0.002)
    return perf_counter()


Start = Callable[[dict[str, Any]], Awaitable[Replica]]
