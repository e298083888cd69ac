"""Two processes of one company on PostgreSQL and Redis: one token, one budget, one rest for both."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis

from bot.commands.sandbox import HOST, MARK, credentials
from bot.compose import Desk, build_desk
from bot.database import open_settings
from bot.doctor.checks import cache as cache_checks
from bot.doctor.exam import Exam
from bot.doctor.rounds import examine
from bot.listen import open_socket, port_of, stand
from bot.sandbox_settings import sandbox_settings
from bot.server import build_app
from bot.settings import CacheSettings, DatabaseSettings, Security, Settings
from cards.door import Retry
from domain.chat import Account, Recipient
from domain.outbox import Priority, SendText
from integrations.chat.wecom import WeComDoor
from integrations.chat.wecom.limits import MEMBER_PER_MINUTE
from sandbox.app import Sandbox, build_sandbox
from sandbox.faults import Fault
from sandbox.wecom.platform import WecomPlatform
from storage.commons import prefix_of
from tests.office import LIN, PATIENCE, QIAN, ZHAO, ZHOU, Person

PATIENT = 8.0  # seconds for Redis: on a busy machine a slow answer is no loss of it
PEOPLE = (LIN, ZHAO, QIAN, ZHOU)


@dataclass
class Twins:
    """Two desks side by side and the world around them."""

    first: Desk
    second: Desk
    sandbox: Sandbox
    settings: Settings

    @property
    def desks(self) -> tuple[Desk, Desk]:
        return self.first, self.second

    def calls(self, path: str) -> int:
        return sum(
            path in exchange.target and exchange.direction == "in"
            for exchange in self.sandbox.world.exchanges
        )

    def dropped(self) -> int:
        platform = self.sandbox.platforms["wecom"]
        assert isinstance(platform, WecomPlatform)
        return platform.counters()["main"].get("dropped", 0)

    def texts(self, who: Person) -> list[str]:
        messages = self.sandbox.platforms["wecom"].messages(user=who.wecom)
        return [m["text"] for m in messages if m["from"] == "bot" and not m["dropped"]]

    async def send(self, who: Person, *texts: str, priority: Priority = Priority.RED) -> None:
        uow = self.first.db.unit_of_work(f"trace-{secrets.token_hex(4)}")
        for text in texts:
            uow.send(SendText(to(who), text), priority=priority)
        await uow.commit()
        for desk in self.desks:
            desk.db.outbox.wake.set()

    async def until(self, seen: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not seen():
                for desk in self.desks:
                    desk.db.outbox.wake.ring()
                await asyncio.sleep(0.02)


def to(who: Person) -> Recipient:
    return Recipient(Account("wecom", "main", who.wecom))


@asynccontextmanager
async def twins(folder: Path, database: str, cache: str) -> AsyncIterator[Twins]:
    with open_socket(HOST, 0) as sock:
        port = port_of(sock)
        sandbox = build_sandbox(path=folder / MARK)
        sandbox.world.base = f"http://{HOST}:{port}/sandbox"
        sandbox.world.switches["wecom.lag_ms"] = "0"
        settings = replace(
            sandbox_settings(credentials(sandbox), port=port, folder=folder),
            database=DatabaseSettings(database.replace("postgresql://", "postgresql+asyncpg://")),
            cache=CacheSettings(cache, PATIENT),
            security=Security(secrets.token_hex(32)),
            jobs={},
        )
        db = open_settings(settings)
        await db.upgrade()
        await db.close()
        first, second = (
            build_desk(settings, clock=sandbox.world.clock, roles=frozenset(roles))
            for roles in ({"web", "worker"}, {"worker"})
        )
        app: web.Application = build_app(first)
        app.add_subapp("/sandbox", sandbox.app)
        runner = await stand(app, sock)
        try:
            await asyncio.gather(first.start(), second.start())
            yield Twins(first, second, sandbox, settings)
        finally:
            await asyncio.gather(first.quiesce(), second.quiesce())
            await runner.cleanup()
            await first.stop()
            await second.stop()


@pytest.fixture
async def two(tmp_path: Path, postgres_database: str, redis_url: str) -> AsyncIterator[Twins]:
    async with twins(tmp_path, postgres_database, redis_url) as opened:
        yield opened


def wecom(desk: Desk) -> WeComDoor:
    door = desk.doors["wecom", "main"]
    assert isinstance(door, WeComDoor)
    return door


async def say(desk: Desk, who: Person, text: str) -> str:
    """sent, or why not."""
    try:
        await wecom(desk).send_text(to(who), text, key=f"{desk.db.owner}.{who.wecom}.{text}", attempt=1)
    except Retry as error:
        return error.code
    return "sent"


async def test_one_token_for_both(two: Twins) -> None:
    await asyncio.gather(*(say(desk, who, f"{n}") for n, who in enumerate(PEOPLE) for desk in two.desks))
    assert two.calls("/gettoken") == 1
    await two.until(lambda: two.calls("/card/instances") or two.calls("oauth2/accessToken"))
    assert two.calls("oauth2/accessToken") == 1
    two.sandbox.world.faults.plant(Fault("wecom", "token_revoked", count=1))
    assert await say(two.first, LIN, "一") == "sent"
    assert await say(two.second, LIN, "二") == "sent"
    assert two.calls("/gettoken") == 2  # whoever met the refusal fetched for both


async def test_a_wrong_secret_is_put_once_by_the_whole_fleet(two: Twins) -> None:
    """The platform bans an address that goes on asking."""
    door = wecom(two.first)
    wrong = replace(door._settings, secret="wrong-secret-0000000000000000000000000000000")
    await door.client.token.get()  # the right one's, so that only the wrong one is counted
    asked = two.calls("/gettoken")
    for desk in two.desks:
        strange = WeComDoor("strange", wrong, desk.session, desk.clock, commons=desk.commons)
        for _ in range(3):
            with pytest.raises(Retry, match="secret"):
                await strange.send_text(to(LIN), "x", key="k", attempt=1)
        await strange.close()
    assert two.calls("/gettoken") == asked + 1


async def test_nothing_is_dropped_in_silence_while_both_send_to_one_member(two: Twins) -> None:
    outcomes = await asyncio.gather(*(say(desk, LIN, f"{n}") for n in range(20) for desk in two.desks))
    assert outcomes.count("sent") == MEMBER_PER_MINUTE
    assert outcomes.count("own_limit") == 40 - MEMBER_PER_MINUTE
    assert len(two.texts(LIN)) == MEMBER_PER_MINUTE
    assert two.dropped() == 0


async def test_a_flood_in_one_chat_delays_no_other(two: Twins) -> None:
    await two.send(LIN, *(f"红灯 {n}" for n in range(60)))
    await two.until(lambda: len(two.texts(LIN)) == MEMBER_PER_MINUTE)
    for who in PEOPLE[1:]:
        await two.send(who, "轮到你了")
    await two.until(lambda: all(two.texts(who) for who in PEOPLE[1:]))
    assert len(two.texts(LIN)) == MEMBER_PER_MINUTE
    assert two.dropped() == 0


async def test_what_one_opened_rests_the_other_and_is_seen(two: Twins) -> None:
    two.sandbox.world.faults.plant(Fault("wecom", "5xx", rate=1.0, args={"path": "/message/send"}))
    for _ in range(5):
        with pytest.raises(Exception, match="HTTP 5"):
            await wecom(two.first).send_text(to(LIN), "x", key="k", attempt=1)
    sends = two.calls("/message/send")
    with pytest.raises(Retry, match="暂停调用"):
        await wecom(two.second).send_text(to(ZHAO), "x", key="k", attempt=1)
    assert two.calls("/message/send") == sends
    target = "wecom:main message/send"
    for desk in two.desks:
        await desk.measure()
        assert desk.metrics.breaker.labels(target)._value.get() == 1.0
        assert desk.metrics.commons._value.get() == 1.0
    assert [line for line in await doctor(two) if target in line]
    two.sandbox.world.faults.clear()
    two.sandbox.world.clock.advance(30)
    await wecom(two.second).send_text(to(ZHAO), "好了", key="k2", attempt=1)  # the probe of both
    await wecom(two.first).send_text(to(LIN), "好了", key="k3", attempt=1)
    for desk in two.desks:
        await desk.measure()
        assert desk.metrics.breaker.labels(target)._value.get() == 0.0


async def test_no_token_lies_open_in_redis(two: Twins, redis_url: str) -> None:
    token = await wecom(two.first).client.token.get()
    secret = wecom(two.first)._settings.secret
    redis = Redis.from_url(redis_url)
    found = []
    async for name in redis.scan_iter(match=prefix_of(two.first.db.keys).replace("{", "\\{") + "*"):
        found.append(name + (await redis.dump(name) or b""))
    await redis.aclose()
    assert found
    assert not [text for text in found if token.encode() in text or secret.encode() in text]


async def test_without_redis_both_go_on_by_their_share(
    tmp_path: Path, postgres_database: str, unused_tcp_port: int
) -> None:
    """Nothing is lost: what does not fit into the reserve waits for its turn."""
    gone = f"redis://127.0.0.1:{unused_tcp_port}/0"
    async with twins(tmp_path, postgres_database, gone) as two:
        await two.until(lambda: all(desk.pulse.replicas == 2 for desk in two.desks))
        outcomes = await asyncio.gather(*(say(desk, LIN, f"{n}") for n in range(20) for desk in two.desks))
        assert outcomes.count("sent") == 4  # two by each: half of what lies between 25 and 30
        await two.send(ZHAO, "你好")
        await two.until(lambda: two.texts(ZHAO) == ["你好"])
        assert two.dropped() == 0
        assert [line for line in await doctor(two) if "没有应答" in line and "cache.url" in line]
        for desk in two.desks:
            await desk.measure()
            assert desk.metrics.commons._value.get() == 0.0


async def doctor(two: Twins) -> list[str]:
    """The lines under 缓存."""
    async with aiohttp.ClientSession() as session:
        exam = Exam(two.settings, two.first.clock, session)
        lines = [str(one) async for one in examine(exam) if one.group == cache_checks.GROUP]
        await exam.close()
    return lines


def test_what_info_tells_is_judged() -> None:
    good = cache_checks.judge({"redis_version": "7.2.4", "valkey_version": "9.1.0"}, 0.001, 0.25)
    assert [str(one.mark) for one in good] == ["✔"]
    assert "9.1.0" in good[0].text
    bad = cache_checks.judge({"redis_version": "5.0.1", "maxmemory_policy": "allkeys-lru"}, 0.2, 0.25)
    assert [str(one.mark) for one in bad] == ["!", "✘", "!"]
