"""One chaos run: build the world, let people and faults loose, wait until everything is settled, hold the ledger."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import NoReturn

import aiohttp
import asyncpg
from sqlalchemy import make_url
from tqdm import tqdm

from bench.callbacks import App
from bench.sandbox_api import SandboxApi
from bot.system_clock import SystemClock
from tests.chaos import company, evidence, late_ledger, ledger, servers
from tests.chaos.callbacks import Platform
from tests.chaos.company import Desk
from tests.chaos.fleet import ROOT, Fleet, Member
from tests.chaos.ledger import Ledger
from tests.chaos.pace import Pace
from tests.chaos.people import Chats, People
from tests.chaos.plan import Plan
from tests.chaos.saboteur import Saboteur
from tests.chaos.servers import Servers
from tests.chaos.till import Tills
from tests.office import PLATFORMS
from tests.servers import free_port
from tests.wire import Wire


@dataclass
class World:
    """Everything one run stands on."""

    plan: Plan
    folder: Path
    session: aiohttp.ClientSession
    api: SandboxApi
    servers: Servers
    database: str  # its URL, without a wire
    fleet: Fleet
    wires: tuple[Wire, Wire]
    desks: list[Desk]
    port: int
    wecom: App


class Done:
    """How much of the people's work is done, with a bar unless `quiet`."""

    def __init__(self, plan: Plan, quiet: bool) -> None:
        self._plan = plan
        self._texts = self._refunds = 0
        total = plan.callbacks + plan.refunds
        self.bar: tqdm[NoReturn] = tqdm(total=total, unit="", desc="chaos", disable=quiet, mininterval=1.0)

    def text(self) -> None:
        self._texts += 1
        self.bar.update()

    def refund(self) -> None:
        self._refunds += 1
        self.bar.update()

    @property
    def share(self) -> float:
        """Texts and refunds count for half each, however many they are."""
        texts = self._texts / self._plan.callbacks if self._plan.callbacks else 1.0
        refunds = self._refunds / self._plan.refunds if self._plan.refunds else 1.0
        return (texts + refunds) / 2


async def run(plan: Plan, *, quiet: bool = False) -> Ledger:
    found = Ledger()
    began = monotonic()
    with _brief_collections(), evidence.folder(found) as folder, servers.stand(plan.engine) as far:
        async with _world(plan, folder, far) as world:
            await _work(world, found, quiet)
        ledger.lives(found, world.fleet)
        found.note("logs", _complaints(folder))
    found.note("seed, engine", f"{plan.seed}, {plan.engine}")
    found.note("took", f"{monotonic() - began:.0f} s")
    return found


@contextmanager
def _brief_collections() -> Iterator[None]:
    """The wires are threads of this process: while Python looks through all that a long run keeps, two seconds in the
    end, they carry nothing, and what was sent evenly reaches the platforms in a heap. So it looks at what is young."""
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, 1_000_000_000)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)


async def _work(world: World, found: Ledger, quiet: bool) -> None:
    plan = world.plan
    chats = Chats(world.api)
    chats.start()
    platform = Platform(world.session, world.wecom, world.port, plan.stream("callbacks"))
    people = People(world.api, chats, plan.stream("people"))
    struck: Counter[str] = Counter()
    saboteur = Saboteur(
        world.fleet,
        world.servers,
        world.api,
        world.wires[0],
        world.wires[1],
        plan.stream("faults"),
        struck,
        world.folder / "faults.txt",
    )
    done, pace = Done(plan, quiet), Pace(world.database)
    pace.start()
    texts = [
        _send(platform, pace, n, user, done)
        for n, user in zip(range(plan.callbacks), _cycle(company.askers(plan)), strict=False)
    ]
    wishes = [_wish(people, pace, desk, order, done) for desk, order in _dealt(world.desks)]
    tills = Tills(world.session, world.port, company.tills(plan), plan.stream("tills"))
    work = asyncio.gather(
        _at_most(plan.in_flight, texts),
        _at_most(plan.asking, wishes),
        _push(tills, plan.late, done),
    )
    harm = asyncio.create_task(saboteur.strike(plan.faults, lambda: 1.0 if work.done() else done.share))
    try:
        await asyncio.gather(work, harm)
        await world.servers.all_up()
        calm = monotonic()
        await _until_settled(world)
        found.note("settled after the last fault", f"{monotonic() - calm:.1f} s")
    finally:
        harm.cancel()
        done.bar.close()
        await pace.stop()
        await chats.stop()
    found.note(
        "faults",
        f"{sum(struck[name] for name in struck if ' ' in name or name == 'copies')}: {dict(sorted(struck.items()))}",
    )
    await _audit(world, found, chats, platform, people, tills)


async def _audit(
    world: World, found: Ledger, chats: Chats, platform: Platform, people: People, tills: Tills
) -> None:
    for name in PLATFORMS:
        await chats.news(name)
    connection = await asyncpg.connect(world.database, timeout=10)
    try:
        await ledger.audit(found, connection, world.api, chats, platform.sent, people.asked)
        await late_ledger.audit(found, connection, chats, tills.late)
        if found.wrong:
            await evidence.keep_tables(connection, world.folder)
    finally:
        await connection.close()


async def _push(tills: Tills, count: int, done: Done) -> None:
    """Late orders, spread over the people's work."""
    async with asyncio.TaskGroup() as under_way:
        for n in range(count):
            while done.share < n / count:
                await asyncio.sleep(0.1)
            under_way.create_task(tills.one_late(n))


async def _send(platform: Platform, pace: Pace, number: int, user: str, done: Done) -> None:
    await pace.turn()
    # Six digits: four could be the end of somebody's phone number.
    await platform.send(number, user, f"没有这回事{100_000 + number}")
    done.text()


async def _wish(people: People, pace: Pace, desk: Desk, order: str, done: Done) -> None:
    await pace.turn()
    await people.one_refund(desk, order)
    done.refund()


def _cycle(names: list[str]) -> list[str]:
    return names * 10_000


def _dealt(desks: list[Desk]) -> list[tuple[Desk, str]]:
    """Desks take turns."""
    longest = max(len(desk.orders) for desk in desks)
    return [(desk, desk.orders[n]) for n in range(longest) for desk in desks if n < len(desk.orders)]


async def _at_most(limit: int, work: Sequence[Awaitable[None]]) -> None:
    room = asyncio.Semaphore(limit)

    async def one(awaited: Awaitable[None]) -> None:
        async with room:
            await awaited

    await asyncio.gather(*(one(awaited) for awaited in work))


async def _until_settled(world: World) -> None:
    """Nothing is left to do, three looks in a row."""
    calm = 0
    async with asyncio.timeout(world.plan.settle_seconds):
        while calm < 3:
            counts = await ledger.settled(world.database)
            calm = calm + 1 if not any(counts.values()) else 0
            await asyncio.sleep(0.5)


@asynccontextmanager
async def _world(plan: Plan, folder: Path, far: Servers) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        sandbox_port = await stack.enter_async_context(_sandbox(folder))
        api = SandboxApi(session, f"http://127.0.0.1:{sandbox_port}/sandbox")
        desks, port = company.desks(plan), free_port()
        sections = await company.furnish(api, desks, plan)
        database = await _fresh_database(far.database.url)
        urls = {
            "database": _asyncpg(database),
            "queue": far.by_role["queue"].url,
            "cache": far.by_role["cache"].url,
        }
        config = company.write_settings(folder, port, sections, urls)
        await _bot("db", "upgrade", "--config", str(config), environ=_environ())
        await company.stock(config, desks, SystemClock())
        wires = (
            stack.enter_context(Wire(make_url(database).port or 0)),
            stack.enter_context(Wire(sandbox_port)),
        )
        fleet = Fleet(
            _members(plan, folder, config, port, database, wires, sections), plan.stream("restarts")
        )
        stack.push_async_callback(fleet.stop)
        await fleet.start()
        await api.post("/apps/wecom/main", callback_url=f"http://127.0.0.1:{port}/callback/wecom/main")
        wecom = sections["chat"]["wecom"]["main"]
        names = ("corp_id", "agent_id", "secret", "token", "encoding_aes_key")
        app = App("main", *(wecom[name] for name in names))
        yield World(plan, folder, session, api, far, database, fleet, wires, desks, port, app)


def _members(
    plan: Plan,
    folder: Path,
    config: Path,
    port: int,
    database: str,
    wires: tuple[Wire, Wire],
    sections: dict[str, dict[str, dict[str, dict[str, str]]]],
) -> list[Member]:
    """The first web process and the first worker reach the database and the far sides over the wires."""
    wired = {
        "QIANSHAO__DATABASE__URL": _asyncpg(
            make_url(database).set(port=wires[0].port).render_as_string(False)
        )
    }
    far = f"127.0.0.1:{wires[1].port}"
    for platform, keys in (("wecom", ("api_base",)), ("dingtalk", ("api_base", "oapi_base"))):
        for key in keys:
            base = sections["chat"][platform]["main"][key]
            host = base.split("/")[2]
            wired[f"QIANSHAO__CHAT__{platform.upper()}__MAIN__{key.upper()}"] = base.replace(host, far)
    members = []
    for role, count in (("web", plan.webs), ("worker", plan.workers), ("scheduler", plan.schedulers)):
        for n in range(count):
            own = str(port) if role == "web" else "0"
            members.append(
                Member(
                    f"{role}-{n}",
                    role,
                    ("--config", str(config), "--roles", role, "--port", own),
                    {**_environ(), **(wired if n == 0 and role != "scheduler" else {})},
                    folder / f"{role}-{n}.log",
                )
            )
    return members


def _environ() -> dict[str, str]:
    return {"PYTHONUNBUFFERED": "1"}


def _asyncpg(url: str) -> str:
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


async def _fresh_database(url: str) -> str:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute("CREATE DATABASE chaos")
    finally:
        await connection.close()
    return make_url(url).set(database="chaos").render_as_string(hide_password=False)


async def _bot(*arguments: str, environ: dict[str, str]) -> None:
    import os

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *arguments, cwd=ROOT, env={**os.environ, **environ},
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    code = await process.wait()
    assert code == 0, f"bot {arguments[0]} ended with {code}"


@asynccontextmanager
async def _sandbox(folder: Path) -> AsyncIterator[int]:
    """The far sides, a process of their own that nobody harms."""
    with (folder / "sandbox.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "sandbox", "--port", "0", "--data", str(folder / "world"),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            line = ""
            while "http://127.0.0.1:" not in line:
                raw = await process.stdout.readline()
                assert raw, "the sandbox ended before it was ready"
                line = raw.decode()
        drain = asyncio.create_task(_drain(process))
        yield int(line.split("http://127.0.0.1:")[1].split("/")[0].split()[0])
        drain.cancel()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    while await process.stdout.read(65536):
        pass


def _complaints(folder: Path) -> dict[str, int]:
    """Errors in the processes' logs by their first words; what faults cause is in them as well."""
    import json

    counts: Counter[str] = Counter()
    for log in folder.glob("*.log"):
        for line in log.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and entry.get("level") in ("error", "critical"):
                counts[str(entry.get("event"))[:50]] += 1
    return dict(counts.most_common(12))
