"""The HTTP side: callbacks, pushes, health, metrics, staff pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from aiohttp import web

from bot import console
from bot.callbacks import Gate, dingtalk_routes, wecom_routes
from bot.condition_report import ANSWER_SECONDS, database_problems, report
from bot.logs import log
from bot.patience import within
from bot.push import push_routes
from integrations.chat.dingtalk.door import DingTalkDoor
from integrations.chat.wecom.door import WeComDoor
from storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from bot.compose import Desk

MAX_BODY = 1024 * 1024  # bytes; the largest callback is a few kilobytes
SERVER = "qianshao"  # not which library in which version
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


def build_app(desk: Desk, *, max_body: int = MAX_BODY) -> web.Application:
    app = web.Application(client_max_size=max_body)
    app.on_response_prepare.append(_protect)
    app.add_routes(_health(desk))
    app.add_routes(push_routes(desk))
    if "web" in desk.roles:
        gate = Gate(desk.receiver, desk.metrics, desk.clock)
        doors = desk.doors.values()
        wecom = {door.app: door.envelope for door in doors if isinstance(door, WeComDoor)}
        dingtalk = {door.app: door for door in doors if isinstance(door, DingTalkDoor)}
        app.add_routes(wecom_routes(gate, wecom))
        app.add_routes(dingtalk_routes(gate, dingtalk))
        app.add_routes(console.routes(desk))
    return app


async def _protect(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _health(desk: Desk) -> Iterable[web.RouteDef]:
    async def alive(_request: web.Request) -> web.Response:
        """The event loop turns."""
        return web.json_response({"status": "ok"})

    async def ready(_request: web.Request) -> web.Response:
        """Whether this process can take callbacks: started, and the database answers at its newest form."""
        problems = [] if desk.ready else ["starting or stopping"]
        problems += await database_problems(desk)
        doors = {f"{platform}:{app}": desk.door_state(platform, app) for platform, app in desk.doors}
        body = {"ready": not problems, "problems": problems, "doors": doors, **report(desk)}
        return web.json_response(body, status=503 if problems else 200)

    async def metrics(_request: web.Request) -> web.Response:
        try:
            await within(ANSWER_SECONDS, desk.measure())
        except (StorageUnavailable, TimeoutError) as error:  # the other figures are wanted now more than ever
            log.warning("the queues could not be measured", error=repr(error))
        return web.Response(body=desk.metrics.page(), headers={"Content-Type": "text/plain; version=0.0.4"})

    return [web.get("/healthz", alive), web.get("/readyz", ready), web.get("/metrics", metrics)]
