"""DingTalk over Stream with several `web` replicas: killed, stopped, cut off; nothing said is lost or answered twice.

Real processes on PostgreSQL: the sandbox, two `serve --roles web`, one `serve --roles worker`. While people ask and
approve on DingTalk, replicas are killed with -9 and stopped with SIGTERM at random moments, and the platform breaks,
expires, half-kills their connections, loses, delays and doubles what goes over them. At the end the ledger of what
people did is held against what they were answered.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy import make_url

from bot.system_clock import SystemClock
from storage.database import open_database
from storage.tables import inbox
from tests.office import LIN, QIAN, SUN, ZHOU, Office, Person, holds, summary
from tests.wire import Wire

ROOT = Path(__file__).parents[2]
SEED = 20261123
KEY = bytes(range(32))
PLAIN, ASYNC = "postgresql://", "postgresql+asyncpg://"
BLOWS = 12  # kills, stops and faults
QUESTIONS = 60
REFUNDS = 4
APPS = ("main", "east")  # everybody is in both; approvers get their cards from both
START_SECONDS = 90.0  # for a process, on a machine that does other things as well
SETTLE_SECONDS = 90.0
REPEATS_SECONDS = 3.0
FAULTS = ("disconnect", "torn", "half_dead", "lost_ack", "late_ack", "duplicate", "reorder")
SWITCHES = {
    "wecom.lag_ms": "0",
    "wecom.member_per_minute": "1000",
    "wecom.silent_drop": "off",
    "dingtalk.redelivery_seconds": "1",
    "dingtalk.redelivery_attempts": "200",
    "dingtalk.late_seconds": "2",
    "dingtalk.qps": "500",
    "dingtalk.monthly_messages": "100000",
    "dingtalk.monthly_calls": "100000",
}
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+\S*")


@dataclass
class Running:
    """One `python -m bot …`; `address` as it told when it was ready."""

    child: asyncio.subprocess.Process
    address: str

    async def end(self, how: signal.Signals) -> int:
        if self.child.returncode is None:
            self.child.send_signal(how)
        return await self.child.wait()


async def started(*arguments: str, env: Mapping[str, str] | None = None) -> Running:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *arguments,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "QIANSHAO__LOGGING__LEVEL": "error", **(env or {})},
    )  # fmt: skip
    assert child.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            while raw := await child.stdout.readline():
                if found := _ADDRESS.search(raw.decode()):
                    return Running(child, found[0].rstrip("/"))
        raise AssertionError(f"{arguments} ended before it was ready")
    except BaseException:
        await Running(child, "").end(signal.SIGKILL)
        raise


@dataclass
class World:
    """What people and the platform do, over the sandbox's control API."""

    http: aiohttp.ClientSession
    base: str
    questions: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        async with self.http.post(f"{self.base}{path}", json=body) as answer:
            assert answer.status in (200, 409), f"{path}: {answer.status} {await answer.text()}"
            return await answer.json()

    async def get(self, path: str, **query: str) -> Any:
        async with self.http.get(f"{self.base}{path}", params=query) as answer:
            assert answer.status == 200, f"{path}: {answer.status}"
            return await answer.json()

    async def say(self, who: Person, text: str) -> None:
        await self.post("/say", {"platform": "dingtalk", "user": who.dingtalk, "text": text, "app": "main"})

    async def heard(self, who: Person) -> list[dict[str, Any]]:
        found = await self.get("/messages", platform="dingtalk", user=who.dingtalk)
        return [m for m in found["messages"] if m["from"] == "bot"]

    async def card(self, who: Person, *words: str) -> dict[str, Any]:
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                for message in await self.heard(who):
                    if message.get("card") and holds(message, *words):
                        return message
                await asyncio.sleep(0.1)

    async def tapped(self, who: Person, number: str) -> bool:
        """Tap 同意 while it is there. False when the client says that it failed: a person taps again."""
        card = await self.card(who, number)
        actions = [b["action"] for b in card["card"]["buttons"] if b["text"] == "同意"]
        if not actions:
            return True
        tap = {"platform": "dingtalk", "user": who.dingtalk, "message_id": card["id"], "action": actions[0]}
        return bool((await self.post("/tap", tap)).get("ok", True))

    async def paid(self) -> Counter[str]:
        effects = (await self.get("/effects"))["effects"]
        return Counter(e["details"]["tid"] for e in effects if e["kind"] == "refund")


@dataclass
class Fleet:
    """The processes of one installation; `webs` is replaced as they die."""

    config: Path
    env: Mapping[str, str]
    webs: list[Running] = field(default_factory=list)
    worker: Running | None = None

    async def serve(self, role: str) -> Running:
        return await started(
            "serve", "--config", str(self.config), "--port", "0", "--roles", role, env=self.env
        )

    async def open(self, webs: int) -> None:
        self.worker, *self.webs = await asyncio.gather(
            self.serve("worker"), *(self.serve("web") for _ in range(webs))
        )

    async def end(self) -> None:
        everyone = [*self.webs, *([self.worker] if self.worker else [])]
        await asyncio.gather(*(one.end(signal.SIGKILL) for one in everyone))

    async def replace(self, place: int, how: signal.Signals) -> None:
        code = await self.webs[place].end(how)
        assert how is signal.SIGKILL or code == 0, f"a replica did not stop in order: {code}"
        self.webs[place] = await self.serve("web")

    async def figures(self, http: aiohttp.ClientSession, place: int) -> dict[tuple[str, str], float]:
        """`qianshao_stream` by (app, figure)."""
        async with http.get(f"{self.webs[place].address}/metrics") as answer:
            page = await answer.text()
        found = re.findall(r'^qianshao_stream\{app="([^"]*)",figure="([^"]*)"\} (\S+)$', page, re.MULTILINE)
        return {(app, figure): float(value) for app, figure, value in found}


@asynccontextmanager
async def town(folder: Path, database: str, webs: int) -> AsyncIterator[tuple[World, Fleet]]:
    """The sandbox with a second app of the same organisation, and a fleet that serves both."""
    config = folder / "config.yaml"
    env = {"QIANSHAO__DATABASE__URL": database.replace(PLAIN, ASYNC),
           "QIANSHAO__SECURITY__DATA_KEY": KEY.hex()}  # fmt: skip
    sandbox = await started(
        "sandbox", "--port", "0", "--data", str(folder / "world"), "--write-config", str(config)
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(sandbox.end, signal.SIGKILL)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        world = World(http, sandbox.address)
        await world.post("/switches", SWITCHES)
        await second_app(world, config)
        upgrade = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "db", "--config", str(config), "upgrade",
            cwd=ROOT, env={**os.environ, **env}, stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert await upgrade.wait() == 0
        fleet = Fleet(config, env)
        stack.push_async_callback(fleet.end)
        await fleet.open(webs)
        yield world, fleet


async def second_app(world: World, config: Path) -> None:
    made = await world.post("/apps", {"platform": "dingtalk", "name": APPS[1]})
    data = yaml.safe_load(config.read_text(encoding="utf-8"))
    known = data["chat"]["dingtalk"]["main"]
    data["chat"]["dingtalk"][APPS[1]] = {key: made.get(key, value) for key, value in known.items()}
    config.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")


async def ask(world: World, moments: random.Random, done: asyncio.Event, least: int = QUESTIONS) -> None:
    """Questions with a text of their own each, so that each answer can be told apart."""
    while len(world.questions) < least or not done.is_set():
        world.questions.append(f"没有这回事{len(world.questions):03d}")
        await world.say(ZHOU, world.questions[-1])
        await asyncio.sleep(0.4 * moments.random())


async def approve(world: World) -> None:
    for number in world.orders:
        await world.say(LIN, f"退款 {number} 100 破损")
        for who in (QIAN, SUN):
            while not await world.tapped(who, number):
                await asyncio.sleep(0.3)


async def strike(world: World, fleet: Fleet, moments: random.Random) -> Counter[str]:
    """One blow after another; one replica is always left standing."""
    blows: Counter[str] = Counter()
    for number in range(BLOWS):
        kind = ("kill", "stop", "fault")[number % 3]
        blows[kind] += 1
        await asyncio.sleep(0.5 * moments.random())
        if kind == "fault":
            for fault in moments.sample(FAULTS, 3):
                await world.post(
                    "/faults", {"system": "dingtalk", "kind": fault, "count": 1, "args": {"app": APPS[0]}}
                )
            continue
        how = signal.SIGKILL if kind == "kill" else signal.SIGTERM
        await fleet.replace(moments.randrange(len(fleet.webs)), how)
    return blows


async def settled(world: World) -> None:
    """Every question has an answer and every refund is paid."""
    missing: list[str] = []
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                text = " ".join([summary(m) for m in await world.heard(ZHOU)])
                missing = [q for q in world.questions if f"“{q}”" not in text]
                if not missing and (await world.paid()).keys() == set(world.orders):
                    return
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"never answered: {missing}; paid: {await world.paid()}") from None


@pytest.mark.timeout(480)
async def test_every_message_is_answered_once_whatever_happens_to_the_replicas(
    tmp_path: Path, postgres_database: str
) -> None:
    moments = random.Random(SEED)
    async with town(tmp_path, postgres_database, webs=2) as (world, fleet):
        await know_orders(world)
        done = asyncio.Event()
        asking = asyncio.create_task(ask(world, moments, done))
        approving = asyncio.create_task(approve(world))
        blows = await strike(world, fleet, moments)
        assert blows["kill"] + blows["stop"] >= BLOWS // 2
        await approving
        done.set()
        await asking
        await settled(world)
        await asyncio.sleep(REPEATS_SECONDS)  # room for repeats that must have no effect
        assert await answers(world) == Counter(world.questions), "answered twice, or not at all"
        assert await world.paid() == Counter(world.orders)
        for who in (QIAN, SUN):
            cards = [m for m in await world.heard(who) if m.get("card") and holds(m, "申请人")]
            shown = Counter(m["app"] for m in cards)
            assert shown == dict.fromkeys(APPS, len(world.orders)), f"{who} saw a card twice"
        await one_row_each(postgres_database, len(world.questions) + 2 * len(world.orders))
        await each_replica_tells_its_own(world, fleet)


async def know_orders(world: World) -> None:
    """Every order is looked up once before the trouble begins, so that the refunds need no second question."""
    goods = [{"title": "北欧布艺沙发套", "sku": "SOFA", "num": 1, "price": "129.00"}]
    wishes = [
        {"payment": "129.00", "status": "paid", "items": goods, "buyer": f"b{n}"} for n in range(REFUNDS)
    ]
    made = await world.post("/orders", {"shop": "tmall-flagship", "orders": wishes})
    world.orders = [order["platform_order_id"] for order in made["orders"]]
    for number in world.orders:
        await world.say(LIN, number)
        await world.card(LIN, number)


async def one_row_each(database: str, said: int) -> None:
    """However often and over whichever connection a frame came, the inbox has it once."""
    db = open_database(database, clock=SystemClock(), data_key=KEY)
    try:
        rows = sa.select(inbox.c.key).where(inbox.c.kind == "robot")
        keys = await db.read(lambda connection: list(connection.execute(rows).scalars()))
    finally:
        await db.close()
    assert len(keys) == len(set(keys)) == said


async def each_replica_tells_its_own(world: World, fleet: Fleet) -> None:
    for place in range(len(fleet.webs)):
        figures = await fleet.figures(world.http, place)
        for app in APPS:
            assert figures[app, "connections"] >= 1.0
            assert figures[app, "reconnects.silence"] >= 0.0
            assert figures[app, "watchdog_fired"] == figures[app, "reconnects.silence"]
        assert figures["east", "frames.robot"] == 0.0
        assert figures["main", "duplicates"] >= 0.0


@pytest.mark.timeout(240)
async def test_a_rolling_restart_loses_nothing_even_if_nothing_is_sent_again(
    tmp_path: Path, postgres_database: str
) -> None:
    """SIGTERM one after the other; the platform tries each frame only once."""
    moments = random.Random(SEED)
    async with town(tmp_path, postgres_database, webs=2) as (world, fleet):
        await world.post("/switches", {"dingtalk.redelivery_attempts": "1"})
        done = asyncio.Event()
        asking = asyncio.create_task(ask(world, moments, done, least=0))
        for place in range(len(fleet.webs)):
            await fleet.replace(place, signal.SIGTERM)
        done.set()
        await asking
        await settled(world)
        assert await answers(world) == Counter(world.questions)


@pytest.mark.timeout(240)
async def test_what_a_replica_without_its_database_hears_is_answered_by_another(
    tmp_path: Path, postgres_database: str
) -> None:
    moments = random.Random(SEED)
    database = make_url(postgres_database)
    with Wire(database.port or 5432) as wire:
        async with town(tmp_path, postgres_database, webs=1) as (world, fleet):
            cut_off = database.set(host="127.0.0.1", port=wire.port).render_as_string(hide_password=False)
            fleet.env = {**fleet.env, "QIANSHAO__DATABASE__URL": cut_off.replace(PLAIN, ASYNC)}
            fleet.webs.append(await fleet.serve("web"))
            await connected(world, fleet)
            over = asyncio.Event()
            over.set()
            for number, fault in enumerate((wire.down, wire.hold)):  # gone, then there without an answer
                fault()
                await ask(world, moments, over, least=30 * number + 20)
                await settled(world)  # by the other one: the wire is still broken
                wire.heal()
                await ask(world, moments, over, least=30 * number + 30)
                await settled(world)
            await asyncio.sleep(REPEATS_SECONDS)
            assert await answers(world) == Counter(world.questions)
            await one_row_each(postgres_database, len(world.questions))


async def answers(world: World) -> Counter[str]:
    """How often each question was answered."""
    heard = [summary(m) for m in await world.heard(ZHOU)]
    return Counter(q for q in world.questions for text in heard if f"“{q}”" in text)


async def connected(world: World, fleet: Fleet) -> None:
    async with asyncio.timeout(START_SECONDS):
        for place in range(len(fleet.webs)):
            figures: dict[tuple[str, str], float] = {}
            while not all(figures.get((app, "connections")) for app in APPS):
                await asyncio.sleep(0.05)
                figures = await fleet.figures(world.http, place)


async def test_a_tap_that_comes_again_as_a_new_frame_is_not_a_second_decision(office: Office) -> None:
    """The acknowledgement is lost and the platform gives the redelivery a new messageId: a second tap, for all we can
    see. Its version of the card is past, so it decides nothing; who tapped is told how things stand."""
    office.sandbox.world.switches["dingtalk.redelivery_new_message_id"] = "on"
    office.sandbox.world.switches["dingtalk.card_answer_seconds"] = "0.3"
    number = await office.order()
    await office.say("dingtalk", LIN, f"退款 {number} 100 破损")
    card = await office.card("dingtalk", QIAN, number, "同意")
    await office.quiet()
    await office.post("/faults", {"system": "dingtalk", "kind": "lost_ack", "count": 1})
    assert not (await office.tap("dingtalk", QIAN, card, "同意"))["ok"]
    await office.card("dingtalk", LIN, number, "已退款")
    await office.post("/clock", {"advance": 61})
    await office.text("dingtalk", QIAN, "钱进已处理", "不用再点")
    await office.quiet()
    taps = sa.select(sa.func.count()).where(inbox.c.kind == "card")
    assert await office.desk.db.read(lambda connection: connection.execute(taps).scalar_one()) == 2
    assert len(await office.refunds()) == 1
    shown = [m for m in await office.messages("dingtalk", LIN) if m["from"] == "bot"]
    assert len(shown) == 1, "the one who asked sees one card, brought up to date"
