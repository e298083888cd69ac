"""The sandbox as one aiohttp application, to be mounted under `/sandbox`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from sandbox.clock import SandboxClock
from sandbox.control import Control, Payments, Shops
from sandbox.wishes import guarded
from sandbox.world import ChatPlatform, World


@dataclass
class Sandbox:
    """Set `world.base` once the port is known, e.g. `http://127.0.0.1:8080/sandbox`."""

    world: World
    platforms: dict[str, ChatPlatform]
    shops: Shops | None
    app: web.Application
    payments: Payments | None = None


def build_sandbox(*, path: Path | None, clock: SandboxClock | None = None) -> Sandbox:
    """The whole world: both chat platforms, the shops, the console. `path` is its SQLite file, None: memory."""
    # imported here so that a test of one platform loads no other
    from sandbox.console import pages
    from sandbox.dingtalk import platform as dingtalk
    from sandbox.payment import build as build_payments
    from sandbox.shops import build as build_shops
    from sandbox.wecom import platform as wecom

    world = World(path=path, clock=clock)
    payments = build_payments(world)  # before the shops, so that no payment of theirs is missed
    chats: list[ChatPlatform] = [wecom.build(world), dingtalk.build(world)]
    return assemble(world, chats, build_shops(world), pages.routes(), payments)


def assemble(
    world: World,
    platforms: Iterable[ChatPlatform],
    shops: Shops | None = None,
    console: Iterable[web.RouteDef] = (),
    payments: Payments | None = None,
) -> Sandbox:
    """Put parts together; tests pass only those they need."""
    by_name = {platform.name: platform for platform in platforms}
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.add_routes(Control(world, by_name, shops, payments).routes())
    for platform in by_name.values():
        app.add_routes(_under(f"/{platform.name}", platform.routes()))
    if shops is not None:
        app.add_routes(_under("/shops", shops.routes()))
    if payments is not None:
        app.add_routes(payments.routes())
    app.add_routes(web.RouteDef(r.method, r.path, guarded(r.handler), r.kwargs) for r in console)

    async def stop_listeners(_app: web.Application) -> None:
        world.close_listeners()

    async def close(_app: web.Application) -> None:
        for platform in by_name.values():
            await platform.close()
        if shops is not None:
            await shops.close()
        world.store.close()

    app.cleanup_ctx.append(world.stalls.watch)
    app.on_shutdown.append(stop_listeners)
    app.on_cleanup.append(close)
    return Sandbox(world, by_name, shops, app, payments)


def _under(prefix: str, routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    return [web.RouteDef(r.method, prefix + r.path, r.handler, r.kwargs) for r in routes]
