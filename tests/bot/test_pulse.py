"""The heartbeat, and the fence: a process that was taken for dead does nothing outward."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic

import aiohttp
import pytest
import sqlalchemy as sa
from aiohttp import web

from bot.pulse import Pulse, TakenForDead
from domain.clock import ManualClock
from storage.database import Database, open_database
from tests.bot.kit import KEY
from tests.samples import NOW


@dataclass
class Watch:
    """A stopwatch that may be set ahead."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return monotonic() + self.ahead


@pytest.fixture
async def db(postgres_database: str) -> AsyncIterator[Database]:
    db = open_database(postgres_database, clock=ManualClock(NOW), data_key=KEY, owner="me")
    await db.upgrade()
    yield db
    await db.close()


@pytest.fixture
async def far() -> AsyncIterator[str]:
    """A far side that answers everything."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="done")

    app = web.Application()
    app.add_routes([web.get("/", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_a_living_process_is_known_by_its_roles(db: Database) -> None:
    pulse = Pulse(db.processes, frozenset({"web", "worker"}), "0014")
    await pulse.start()
    try:
        [mine] = pulse.living
        assert (mine.name, mine.roles, mine.version) == ("me", ("web", "worker"), "0014")
        assert pulse.alive
        assert pulse.replicas == 1
    finally:
        await pulse.stop()
    assert await db.processes.living() == [], "who leaves by himself is not waited for"


async def test_a_process_that_was_paused_sends_nothing(db: Database, far: str) -> None:
    watch = Watch()
    pulse = Pulse(db.processes, frozenset({"worker"}), "0014", watch)
    await pulse.start()
    async with aiohttp.ClientSession(trace_configs=[pulse.fence()]) as session:
        assert await pulse.begin(pulse.life)
        async with session.get(far) as answer:
            assert await answer.text() == "done"
        watch.ahead = 60  # as if it had stood still for a minute
        with pytest.raises(TakenForDead) as refused:
            await session.get(far)
        watch.ahead = 0
        assert isinstance(refused.value, aiohttp.ClientConnectorError), "every client knows: nothing was sent"
        assert "taken over" in str(refused.value)
        async with session.get(far) as answer:
            assert answer.status == 200
    await pulse.stop()


async def test_what_was_in_hand_before_the_pause_belongs_to_others_after_it(db: Database) -> None:
    pulse = Pulse(db.processes, frozenset({"worker"}), "0014")
    await pulse.start()
    life = pulse.life
    await db.write(lambda c: c.execute(sa.text("DELETE FROM processes")))  # buried by another process
    async with asyncio.timeout(20):
        while pulse.life == life:
            await asyncio.sleep(0.05)
    assert not await pulse.begin(life)
    with pytest.raises(TakenForDead):
        pulse.check()
    assert await pulse.begin(pulse.life)
    pulse.check()
    await pulse.stop()


async def test_without_a_database_it_waits_instead_of_working_blind(db: Database) -> None:
    watch = Watch()
    pulse = Pulse(db.processes, frozenset({"worker"}), "0014", watch)
    await pulse.start()
    watch.ahead = 8
    waiting = asyncio.create_task(pulse.begin(pulse.life))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    watch.ahead = 0
    assert await waiting, "nobody else was there to take it over"
    await pulse.stop()
