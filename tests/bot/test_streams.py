"""Doors that open their own connection: frames are kept before they are acknowledged, faults do not end it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from bot import streams
from bot.rendering import renderer
from bot.streams import Streams, figures
from cards.door import Verified
from integrations.chat.dingtalk.stream_stats import StreamStats
from storage.errors import StorageUnavailable
from tests.bot.kit import SUBJECT, Door, Small, account, text_item, until
from tests.samples import NOW


@dataclass
class StreamingDoor(Door):
    """Hands its frames over one after the other; acknowledges those that were taken."""

    frames: list[Verified] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    runs: int = 0
    crash: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run_stream(self, receive: Callable[[Verified], Awaitable[None]]) -> None:
        self.runs += 1
        if self.crash:
            self.crash = False
            raise RuntimeError("bug in a door")
        for frame in self.frames:
            try:
                await receive(frame)
            except StorageUnavailable:
                continue
            self.acknowledged.append(frame.key)
        await self.over.wait()

    async def stop(self) -> None:
        self.over.set()


async def test_a_frame_is_kept_before_it_is_acknowledged_and_a_repeat_is_acknowledged_too(
    desk: Small,
) -> None:
    door = StreamingDoor(
        frames=[text_item("a", "x", "1"), text_item("a", "x", "1"), text_item("a", "y", "2")]
    )
    running = Streams([door], desk.receiver)
    running.start()
    await until(lambda: door.acknowledged == ["1", "1", "2"])
    assert await desk.rows("SELECT key FROM inbox ORDER BY id") == [("1",), ("2",)]
    await running.stop()


async def test_a_frame_that_cannot_be_kept_is_not_acknowledged(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> bool:
        raise StorageUnavailable("disk full")

    monkeypatch.setattr(desk.db.inbox, "put", full)
    door = StreamingDoor(frames=[text_item("a", "x", "1")])
    running = Streams([door], desk.receiver)
    running.start()
    await until(lambda: desk.metrics.unstored.labels("wecom")._value.get() == 1.0)
    assert door.acknowledged == []
    await running.stop()


async def test_a_stream_that_ends_by_a_bug_is_started_again(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_AGAIN_SECONDS", 0.0)
    door = StreamingDoor(crash=True, frames=[text_item("a", "x", "1")])
    running = Streams([door, Door()], desk.receiver)
    running.start()
    await until(lambda: door.acknowledged == ["1"])
    assert door.runs == 2
    await running.stop()


async def test_replicas_that_start_together_do_not_connect_together(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    fleet = [Streams([StreamingDoor()], desk.receiver) for _ in range(200)]
    for replica in fleet:
        replica.start(streams.SPREAD_SECONDS)
    for replica in fleet:
        await replica.stop()
    monkeypatch.undo()
    assert all(0.0 <= wait <= streams.SPREAD_SECONDS for wait in waits)
    shares = Counter(int(wait / streams.SPREAD_SECONDS * 4) for wait in waits)
    assert shares.keys() == {0, 1, 2, 3}
    assert max(shares.values()) < 100, "they come in a bunch"


async def test_one_process_alone_connects_at_once(desk: Small) -> None:
    door = StreamingDoor(frames=[text_item("a", "x", "1")])
    running = Streams([door], desk.receiver)
    running.start()
    await until(lambda: door.acknowledged == ["1"])
    await running.stop()


def test_the_figures_of_a_stream_are_flat_numbers() -> None:
    stats = StreamStats(connections=1, last_frame_at=NOW)
    stats.reconnects["silence"] += 2
    found = figures(stats, NOW + timedelta(seconds=5))
    assert found["connections"] == 1.0
    assert found["reconnects.silence"] == 2.0
    assert found["last_frame_at.age_seconds"] == 5.0


async def test_somebody_who_has_left_is_shown_nothing(desk: Small) -> None:
    draw = renderer(desk.scene)
    assert await draw(desk.db.unit_of_work("t"), SUBJECT, {}, account("gone"), "t") is None
