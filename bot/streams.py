"""Keeping the doors' long connections running, and their figures for the metrics."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from bot.logs import log
from bot.receive import Receiver
from cards.door import Capabilities, ChatDoor, Verified

_AGAIN_SECONDS = 5.0  # after a stream ended by a fault of ours
SPREAD_SECONDS = 1.0  # replicas that start together ask for their connections within this, not at once


@runtime_checkable
class StreamDoor(Protocol):
    """A door that opens its connection itself and needs no public address."""

    platform: str
    app: str

    @property
    def capabilities(self) -> Capabilities: ...

    async def run_stream(self, receive: Callable[[Verified], Awaitable[bool | None]]) -> None:
        """Hand every verified frame to `receive` until `stop`; a frame is acknowledged once that returns.
        False says that it was here before."""
        ...

    async def stop(self) -> None: ...


class Streams:
    """One task for each door that streams."""

    def __init__(self, doors: Iterable[ChatDoor], receiver: Receiver) -> None:
        self._doors = [
            door for door in doors if isinstance(door, StreamDoor) and not door.capabilities.needs_public_url
        ]
        self._receiver = receiver
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, spread: float = 0.0) -> None:
        """Each door connects within `spread` seconds: one of several replicas should not come with all others,
        for opening connections is rate-limited (dingtalk.md §4.1)."""
        self._tasks = [
            asyncio.create_task(self._keep(door, random.uniform(0.0, spread)), name=f"stream {door.app}")
            for door in self._doors
        ]

    async def stop(self) -> None:
        await asyncio.gather(*(door.stop() for door in self._doors))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _keep(self, door: StreamDoor, wait: float) -> None:
        async def receive(item: Verified) -> bool:
            return await self._receiver.receive(door.platform, door.app, item)

        await asyncio.sleep(wait)
        while True:
            try:
                await door.run_stream(receive)
            except Exception:  # noqa: BLE001 - whatever it was, the next connection must come; logged
                log.exception("a stream ended", platform=door.platform, app=door.app)
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            return


def figures(stats: Any, now: datetime) -> dict[str, float]:
    """A dataclass of counters as flat numbers; a time becomes its age in seconds."""
    flat: dict[str, float] = {}
    for field in dataclasses.fields(stats):
        value = getattr(stats, field.name)
        if isinstance(value, int | float):
            flat[field.name] = float(value)
        elif isinstance(value, dict):
            flat.update({f"{field.name}.{key}": float(count) for key, count in value.items()})
        elif isinstance(value, datetime):
            flat[f"{field.name}.age_seconds"] = (now - value).total_seconds()
    return flat
