"""The composition root: from settings to a running desk. The only place where parts are joined."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TextIO

import aiohttp

from bot import places
from bot.books_engine import open_engine
from bot.breakers import Breakers
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
from domain.payment import PaymentConnector
from domain.ports import ShopConnector
from handlers.router import Routes, compile_routes
from integrations.payment.by_file import ByFile
from jobs.registry import JobContext
from storage import schema
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
    roles: frozenset[str] = ROLES
    ready: bool = field(default=False)
    _warming: asyncio.Task[None] | None = None
    _alone: TextIO | None = None

    async def start(self) -> None:
        """Bring the database up to date, take back what a killed process left, begin to work."""
        self._alone = only_one(self.settings.database.url)
        await make_ready(self.db)
        await self.pulse.start()
        if self.db.embedded:
            left = await self.db.inbox.recover() + await self.db.outbox.recover()
            if left:
                log.info("taking up what the last run left", rows=left)
        if "worker" in self.roles:
            self.deliverer.start()
            self.dispatcher.start()
            self.watching.start()
        if "scheduler" in self.roles:
            self.scheduler.start()
        if "web" in self.roles:
            self.streams.start(0.0 if self.db.embedded else SPREAD_SECONDS)
        self._warming = asyncio.create_task(warm_up(self.doors.values(), self.settings.server.public_url))
        self.usage.start()
        self.ready = True

    async def quiesce(self, seconds: float = STOP_SECONDS) -> None:
        """Hear nothing new, finish what is in hand within `seconds`, hand back the rest."""
        self.ready = False
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        if self._warming is not None:
            self._warming.cancel()
        await self.streams.stop()
        await asyncio.gather(self.scheduler.stop(seconds / 2), self.watching.stop(seconds / 2))
        await self.dispatcher.stop(seconds)  # before the outbox: its last handlers still fill it
        await self.deliverer.stop(max(0.0, end - loop.time()))
        await self.usage.stop()
        await self.pulse.stop()

    async def close(self) -> None:
        for far in (*self.doors.values(), *self.shops.values()):
            close = getattr(far, "close", None)
            if close is not None:
                await close()
        close_workers()
        await self.session.close()
        await self.db.close()
        if self._alone is not None:
            self._alone.close()

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        try:
            await self.quiesce(seconds)
        finally:
            await self.close()

    def door_state(self, platform: str, app: str) -> str:
        """One word for `/readyz`."""
        stats = _stream_stats(self.doors[platform, app])
        if stats is None:
            return "ok"
        return str(stats.trouble) or ("connected" if stats.connections else "connecting")

    async def measure(self) -> None:
        """Bring the gauges up to date, when somebody asks."""
        for name, queue in (("inbox", self.db.inbox), ("outbox", self.db.outbox)):
            for state, count in (await queue.depth()).items():
                self.metrics.depth.labels(f"{name}.{state}").set(count)
        for (_, app), door in self.doors.items():
            stats = _stream_stats(door)
            if stats is not None:
                for figure, value in figures(stats, self.clock.now()).items():
                    self.metrics.stream.labels(app, figure).set(value)


def build_desk(
    settings: Settings,
    *,
    clock: Clock | None = None,
    roles: frozenset[str] = ROLES,
    entry: ModuleType | Any = None,
) -> Desk:
    """Join the parts; nothing runs before `start`. Call inside a running event loop.

    `entry` stands in for `handlers.entry` in tests.
    """
    clock = clock or SystemClock()
    metrics = Metrics()
    db = open_settings(settings, clock)
    pulse = Pulse(db.processes, roles, schema.HEAD)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[] if db.embedded else [pulse.fence()],
    )
    doors = _doors(settings, session, clock)
    shops = _shops(settings, session, clock)
    payments = _payments(settings, session, clock)
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
        renderer(scene),
        _effects(),
        shops,
        ports.context,
        metrics,
        quiet=receiver.quiet,
        limit=settings.queue.deliveries,
        max_attempts=settings.queue.max_attempts,
        breakers=Breakers(metrics, clock),
        saving=keeper.saving,
        pulse=pulse,
    )
    streams = Streams(doors.values(), receiver)
    return Desk(
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
        Watching(db, ports.context),
        payments,
        keeper,
        ports.context,
        pulse,
        roles,
    )


def find_routes() -> Routes:
    """The routers of all handler modules, found by their place."""
    return compile_routes(places.exported("handlers", "router"))


def _doors(
    settings: Settings, session: aiohttp.ClientSession, clock: Clock
) -> dict[tuple[str, str], ChatDoor]:
    doors: dict[tuple[str, str], ChatDoor] = {}
    for door in settings.doors:
        if door.values is None:
            log.warning("a chat app is not filled in and stays off", platform=door.platform, app=door.app)
            continue
        build = places.door_package(door.platform).build
        doors[door.platform, door.app] = build(door.app, door.values, session, clock)
    return doors


def _shops(settings: Settings, session: aiohttp.ClientSession, clock: Clock) -> dict[str, ShopConnector]:
    shops: dict[str, ShopConnector] = {}
    for shop in settings.shops:
        if shop.values is None:
            log.warning("a shop is not filled in and stays off", shop=shop.code)
            continue
        build = places.shop_package(shop.platform).build
        shops[shop.code] = build(shop.code, shop.values, session, clock)
    return shops


def _payments(
    settings: Settings, session: aiohttp.ClientSession, clock: Clock
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
            account.account, account.name, account.values, session, clock
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
