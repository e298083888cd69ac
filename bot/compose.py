"""The composition root: from settings to a running desk. The only place where parts are joined."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import Any, TextIO

import aiohttp

from bot import places
from bot.books_engine import open_engine
from bot.breakers import Breakers
from bot.condition import Condition
from bot.database import make_ready, open_settings
from bot.deliver import Deliverer
from bot.dispatch import Dispatcher
from bot.far_settings import ShopSettings
from bot.job_ports import JobPorts
from bot.links import linker
from bot.logs import log
from bot.metrics import Metrics
from bot.pulse import Pulse
from bot.receive import Receiver
from bot.rendering import renderer
from bot.replay.tape import Tape, tape_of
from bot.scheduler import Scheduler
from bot.settings import Settings
from bot.single import only_one
from bot.streams import SPREAD_SECONDS, Streams, figures
from bot.system_clock import SystemClock
from bot.usage_keeper import UsageKeeper
from bot.warming import warm_up
from bot.watched_folders import open_folders
from bot.watching import Watching
from bot.workers import close_workers
from cards.door import ChatDoor
from cards.scene import Scene, ShopInfo
from domain.clock import Clock
from domain.fleet import Commons
from domain.payment import PaymentConnector
from domain.ports import ShopConnector
from handlers.router import Routes, compile_routes
from integrations.payment.by_file import ByFile
from jobs.registry import JobContext
from storage import schema
from storage.commons import open_commons
from storage.courier import Courier, installation_name, open_courier
from storage.database import Database
from storage.secrets import DataKeys

ROLES = frozenset({"web", "worker", "scheduler"})
STOP_SECONDS = 10.0  # for what is in hand when a stop comes


@dataclass
class Desk:
    """Everything one process runs. `ready` while it takes callbacks; `doors` by (platform, app)."""

    settings: Settings
    clock: Clock
    db: Database
    session: aiohttp.ClientSession
    doors: Mapping[tuple[str, str], ChatDoor]
    shops: Mapping[str, ShopConnector]
    scene: Scene
    routes: Routes
    metrics: Metrics
    receiver: Receiver
    dispatcher: Dispatcher
    deliverer: Deliverer
    streams: Streams
    scheduler: Scheduler
    watching: Watching
    payments: Mapping[str, PaymentConnector]
    usage: UsageKeeper
    job_context: Callable[[str], JobContext]
    pulse: Pulse
    courier: Courier
    commons: Commons
    breakers: Breakers
    roles: frozenset[str] = ROLES
    tape: Tape = field(default_factory=Tape)
    ready: bool = field(default=False)
    condition: Condition = field(init=False)
    _warming: asyncio.Task[None] | None = None
    _alone: TextIO | None = None

    def __post_init__(self) -> None:
        self.condition = Condition(self)

    async def start(self) -> None:
        """Bring the database up to date, take back what a killed process left, begin to work."""
        self._alone = only_one(self.settings.database.url)
        await make_ready(self.db)
        await self.pulse.start()
        self.commons.start()
        self._call_the_courier()
        if self.db.embedded:
            left = await self.db.inbox.recover() + await self.db.outbox.recover()
            if left:
                log.info("taking up what the last run left", rows=left)
        await self.tape.begin(self.db)
        if "worker" in self.roles:
            self.deliverer.start()
            self.dispatcher.start()
        if "scheduler" in self.roles:  # what the clock and changed orders begin: nobody in chat waits for it
            self.scheduler.start()
            self.watching.start()
        if "web" in self.roles:
            self.streams.start(0.0 if self.db.embedded else SPREAD_SECONDS)
        self._warming = asyncio.create_task(warm_up(self.doors.values(), self.settings.server.public_url))
        self.usage.start()
        self.condition.start()
        self.ready = True

    async def quiesce(self, seconds: float = STOP_SECONDS) -> None:
        """Hear nothing new, finish what is in hand within `seconds`, hand back the rest."""
        self.ready = False
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        if self._warming is not None:
            self._warming.cancel()
        await self.streams.stop()
        await self.condition.stop()
        await asyncio.gather(self.scheduler.stop(seconds / 2), self.watching.stop(seconds / 2))
        await self.dispatcher.stop(seconds)  # before the outbox: its last handlers still fill it
        await self.deliverer.stop(max(0.0, end - loop.time()))
        await self.usage.stop()
        await self.courier.close()
        await self.pulse.stop()

    def _call_the_courier(self) -> None:
        """What becomes ready here is told to the other processes, and the other way round."""
        queues = {"inbox": self.db.inbox, "outbox": self.db.outbox}
        for topic, queue in queues.items():
            queue.wake.forward = partial(self.courier.tell, topic)

        def ring(topic: str) -> None:
            if topic in queues:
                queues[topic].wake.ring()

        working = "worker" in self.roles
        self.courier.start(working, ring, lambda: self.dispatcher.has_room or self.deliverer.has_room)

    async def close(self) -> None:
        for far in (*self.doors.values(), *self.shops.values()):
            close = getattr(far, "close", None)
            if close is not None:
                await close()
        close_workers()
        await self.session.close()
        await self.commons.close()
        self.tape.close()
        await self.db.close()
        if self._alone is not None:
            self._alone.close()

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        try:
            await self.quiesce(seconds)
        finally:
            await self.close()

    def door_state(self, platform: str, app: str) -> str:
        """One word for `/readyz`; connections are the web role's."""
        stats = _stream_stats(self.doors[platform, app])
        if stats is None or "web" not in self.roles:
            return "ok"
        return str(stats.trouble) or ("connected" if stats.connections else "connecting")

    async def measure(self) -> None:
        """Bring the gauges up to date, when somebody asks; what needs no database comes first."""
        self.metrics.tasks.set(len(asyncio.all_tasks()))
        for (_, app), door in self.doors.items():
            stats = _stream_stats(door)
            if stats is not None:
                for figure, value in figures(stats, self.clock.now()).items():
                    self.metrics.stream.labels(app, figure).set(value)
        for role in sorted(ROLES):
            alive = sum(role in process.roles for process in self.pulse.living)
            self.metrics.processes.labels(role).set(int(role in self.roles) if self.db.embedded else alive)
        line = self.courier.state
        self.metrics.courier.labels(line.engine).set(int(line.up))
        await self.breakers.measure()
        for name, queue in (("inbox", self.db.inbox), ("outbox", self.db.outbox)):
            for state, count in (await queue.depth()).items():
                self.metrics.depth.labels(f"{name}.{state}").set(count)
            since = await queue.oldest_due()
            waited = (self.clock.now() - since).total_seconds() if since is not None else 0.0
            self.metrics.oldest.labels(name).set(max(0.0, waited))


def build_desk(
    settings: Settings,
    *,
    clock: Clock | None = None,
    roles: frozenset[str] = ROLES,
    entry: ModuleType | Any = None,
    tape: Tape | None = None,
) -> Desk:
    """Join the parts; nothing runs before `start`. Call inside a running event loop.

    `entry` stands in for `handlers.entry` in tests.
    """
    tape = tape or tape_of(settings, roles)
    clock = tape.clock(clock or SystemClock())
    metrics = Metrics()
    db = open_settings(settings, clock)
    db.outbox.patience = timedelta(seconds=settings.queue.unknown_seconds)
    pulse = Pulse(db.processes, roles, schema.HEAD)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[] if db.embedded else [pulse.fence()],
    )
    commons = open_commons(
        settings.cache.url,
        db,
        clock,
        replicas=lambda: pulse.replicas,
        seconds=settings.cache.timeout_seconds,
    )
    breakers = Breakers(metrics, clock, commons=commons)
    doors = _doors(settings, session, clock, commons)
    shops = _shops(settings, session, clock, commons)
    payments = _payments(settings, session, clock, commons)
    scene = Scene(
        clock=clock,
        policies=settings.policies,
        directory=settings.directory,
        shops={shop.code: _shop_info(shop, shops.get(shop.code), db.keys) for shop in settings.shops},
        chats=settings.chats,
        doors={key: door.capabilities for key, door in doors.items()},
        link=linker(settings.server.public_url, db.keys.link_key, clock),
    )
    keeper = UsageKeeper(db, doors, scene, metrics)
    ports = JobPorts(
        db, scene, shops, payments, open_engine(settings), open_folders(settings.files, settings.shops)
    )
    routes = find_routes()
    receiver = Receiver(db.inbox, metrics)
    dispatcher = Dispatcher(
        db,
        doors,
        scene,
        routes,
        entry or _entry(),
        metrics,
        quiet=receiver.quiet,
        limit=settings.queue.handlers,
        seconds=settings.queue.handler_seconds,
        pulse=pulse,
    )
    deliverer = Deliverer(
        db,
        doors,
        scene,
        tape.drawing(renderer(scene)),
        tape.effects(_effects()),
        shops,
        ports.context,
        metrics,
        quiet=receiver.quiet,
        limit=settings.queue.deliveries,
        max_attempts=settings.queue.max_attempts,
        breakers=breakers,
        saving=keeper.saving,
        pulse=pulse,
    )
    streams = Streams(doors.values(), receiver)
    desk = Desk(
        settings,
        clock,
        db,
        session,
        doors,
        shops,
        scene,
        routes,
        metrics,
        receiver,
        dispatcher,
        deliverer,
        streams,
        Scheduler(db, settings.jobs, ports.context, metrics),
        Watching(db, tape.contexts(ports.context)),
        payments,
        keeper,
        ports.context,
        pulse,
        open_courier(settings.queue.url, installation_name(settings.database.url)),
        commons,
        breakers,
        roles,
        tape,
    )
    tape.attach(desk)
    return desk


def find_routes() -> Routes:
    """The routers of all handler modules, found by their place."""
    return compile_routes(places.exported("handlers", "router"))


def _doors(
    settings: Settings, session: aiohttp.ClientSession, clock: Clock, commons: Commons
) -> dict[tuple[str, str], ChatDoor]:
    doors: dict[tuple[str, str], ChatDoor] = {}
    for door in settings.doors:
        if door.values is None:
            log.warning("a chat app is not filled in and stays off", platform=door.platform, app=door.app)
            continue
        build = places.door_package(door.platform).build
        doors[door.platform, door.app] = build(door.app, door.values, session, clock, commons=commons)
    return doors


def _shops(
    settings: Settings, session: aiohttp.ClientSession, clock: Clock, commons: Commons
) -> dict[str, ShopConnector]:
    shops: dict[str, ShopConnector] = {}
    for shop in settings.shops:
        if shop.values is None:
            log.warning("a shop is not filled in and stays off", shop=shop.code)
            continue
        build = places.shop_package(shop.platform).build
        shops[shop.code] = build(shop.code, shop.values, session, clock, commons=commons)
    return shops


def _payments(
    settings: Settings, session: aiohttp.ClientSession, clock: Clock, commons: Commons
) -> dict[str, PaymentConnector]:
    payments: dict[str, PaymentConnector] = {}
    for account in settings.payments:
        package = places.payment_package(account.provider)
        if account.values is None:
            log.warning("a payment account has no keys: its bills come as files", account=account.account)
            payments[account.account] = ByFile(
                account.account, account.provider, account.name, package.dialect
            )
            continue
        payments[account.account] = package.build(
            account.account, account.name, account.values, session, clock, commons=commons
        )
    return payments


def _shop_info(shop: ShopSettings, connector: ShopConnector | None, keys: DataKeys) -> ShopInfo:
    return ShopInfo(
        code=shop.code,
        name=shop.name,
        platform=shop.platform,
        region=shop.region,
        warehouse=shop.warehouse,
        refund=connector.capabilities.refund if connector else "none",
        connected=connector is not None,
        pulls=connector is None or connector.capabilities.pulls,
        settings_mark=keys.mark(str(dataclasses.asdict(shop.values))) if shop.values is not None else "",
    )


def _stream_stats(door: ChatDoor) -> Any:
    return getattr(door, "stream_stats", None)


def _entry() -> Any:
    from handlers import entry

    return entry


def _effects() -> Any:
    from bot.effects import find_effects

    return find_effects()
