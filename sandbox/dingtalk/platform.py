"""The simulated DingTalk as one piece: routes for the bot, controls for people and tests."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from sandbox.dingtalk import (
    answers,
    cards,
    contacts,
    events,
    figures,
    groups,
    media,
    robot,
    scene_groups,
    tokens,
    views,
)
from sandbox.dingtalk.chat import Chat
from sandbox.dingtalk.courier import Courier
from sandbox.dingtalk.door import Door, Endpoint, is_new, to_response
from sandbox.dingtalk.events import Events
from sandbox.dingtalk.gateway import Gateway
from sandbox.dingtalk.outbound import Outbound
from sandbox.dingtalk.pusher import Pusher
from sandbox.dingtalk.records import App
from sandbox.dingtalk.taps import Taps
from sandbox.dingtalk.tenant import NAME, Tenant
from sandbox.dingtalk.timers import Timers
from sandbox.dingtalk.webhooks import Webhooks
from sandbox.world import Refusal, World

OPTIONS = {"name", "mode", "callback_url", "robot_name", "scopes", "visible", "templates"}
FAULT_POLL_SECONDS = 0.2


class DingTalk:
    """Implements `ChatPlatform`; `tenant`, `gateway`, `courier` and `timers` are there for tests."""

    name = NAME

    def __init__(self, world: World) -> None:
        figures.describe(world)
        self.world = world
        self.tenant = Tenant(world)
        self.timers = Timers(world.clock)
        self.courier = Courier(self.tenant, self.timers)
        self.gateway = Gateway(self.tenant, self.courier, self.timers)
        self.pusher = Pusher(self.tenant)
        self.outbound = Outbound(self.tenant, self.timers, self.courier, self.pusher)
        self.events = Events(self.tenant, self.timers, self.outbound, self.pusher)
        self.chat = Chat(self.tenant, self.outbound)
        self.taps = Taps(self.tenant, self.outbound, self.chat)
        self._webhooks = Webhooks(self.tenant)
        self._watching = False
        self._leaving: asyncio.Task[None] | None = None
        self._door = Door(self.tenant)
        self._endpoints = self._all_endpoints()

    def _all_endpoints(self) -> list[Endpoint]:
        parts = (
            tokens,
            robot,
            cards,
            groups,
            scene_groups,
            contacts,
            media,
            self.gateway,
            self.events,
            self._webhooks,
        )
        return [endpoint for part in parts for endpoint in part.endpoints()]

    def routes(self) -> list[web.RouteDef]:
        """The last route answers whatever no endpoint serves."""
        known = [web.route(e.method, e.path, self._door.route(e)) for e in self._endpoints]
        return [*known, web.get("/connect", self._connect), web.route("*", "/{path:.*}", self._unknown)]

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if not self._watching:
            self._watching = True
            self.timers.after(FAULT_POLL_SECONDS, self._watch_faults)
        if self._leaving is None:
            self._leaving = asyncio.get_running_loop().create_task(self._leave_with_the_world())
        return await self.gateway.connect(request)

    async def _leave_with_the_world(self) -> None:
        """A server that stops waits for open sockets: close them as soon as the world says it ends."""
        async for event in self.world.listen():
            if event.get("event") == "closed":
                await self.gateway.close()

    async def _watch_faults(self) -> None:
        """While anything is connected, planted connection faults strike soon."""
        await self.gateway.strike(counted=True)
        self._watching = bool(self.courier.connections())
        if self._watching:
            self.timers.after(FAULT_POLL_SECONDS, self._watch_faults)

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        path = "/" + request.match_info["path"]
        if not figures.enabled(self.world, "strict"):
            for endpoint in self._endpoints:
                if (endpoint.method, endpoint.path.lower()) == (request.method, path.lower()):
                    return await self._door.serve(endpoint, request)
        refused = answers.unknown_api() if is_new(path) else answers.unknown_old(path)
        return to_response(refused.reply)

    def credentials(self) -> list[dict[str, Any]]:
        return [self._credentials(app) for app in self.tenant.apps.values()]

    def _credentials(self, app: App) -> dict[str, Any]:
        base = f"{self.world.base}/dingtalk"
        return {
            "app": app.name,
            "api_base": base,
            "oapi_base": base,
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "robot_code": app.robot_code,
            "corp_id": self.tenant.corp_id,
            "mode": app.mode,
            "callback_url": app.callback_url,
            "token": app.event_token,
            "encoding_aes_key": app.encoding_aes_key,
            "group": app.group,
            "custom_robot": {"access_token": app.custom_robot_token, "secret": app.custom_robot_secret},
        }

    def new_app(self, options: dict[str, Any]) -> dict[str, Any]:
        """Options: name, mode (stream or http) with callback_url, robot_name, scopes, visible, templates."""
        _check(options)
        name = str(options.get("name") or f"app{len(self.tenant.apps) + 1}")
        if name in self.tenant.apps:
            raise Refusal(f"name: there is an app {name!r} already", 409)
        return self._credentials(self.tenant.add_app(name, options))

    async def configure(self, app: str, options: dict[str, Any]) -> dict[str, Any]:
        """Save the app's form in the console; in HTTP mode the event address must answer `check_url`.

        `verify: false` saves it unseen, as when the bot is not up yet.
        """
        verify = bool(options.get("verify", True))
        wanted = {name: value for name, value in options.items() if name not in {"verify", "app"}}
        _check(wanted)
        target = self.tenant.app(app)
        before = vars(target).copy()
        self.tenant.change_app(target, wanted)
        moved = target.mode == "http" and bool({"callback_url", "mode"} & set(wanted))
        if verify and moved and not await self.events.check_address(target):
            vars(target).update(before)
            self.tenant.save_app(target)
            raise Refusal(f"callback_url: {wanted.get('callback_url')}/event did not answer check_url")
        return self._credentials(target)

    async def say(
        self, user: str, text: str, *, chat: str = "", app: str = "", attachments: list[dict[str, Any]]
    ) -> dict[str, Any]:
        return await self.chat.say(user, text, chat, app, attachments)

    async def tap(
        self, user: str, message_id: str, action: str, inputs: dict[str, Any], *, forge: bool = False
    ) -> dict[str, Any]:
        return await self.taps.tap(user, message_id, action, inputs, forge=forge)

    async def event(self, user: str, kind: str, key: str = "", app: str = "") -> dict[str, Any]:
        """An event of type `kind`; `key` is its fields as JSON text, to which the person is added."""
        fields = {"staffId": user, **events.fields_of(key)} if user else events.fields_of(key)
        return await self.events.send(self.tenant.app(app), kind, fields)

    def messages(self, *, user: str = "", chat: str = "", after: int = 0) -> list[dict[str, Any]]:
        if user and self.tenant.person(user) is None:
            raise LookupError(f"no DingTalk user {user!r}")
        return views.listing(self.tenant, user, chat, after)

    def groups(self, user: str = "") -> list[dict[str, Any]]:
        """Groups this person sees, or all."""
        alive = [
            g for g in self.tenant.groups.values() if not g.disbanded and (not user or user in g.members)
        ]
        return [{"platform": NAME, "chat": g.cid, "name": g.name, "members": g.members} for g in alive]

    def change_group(self, chat: str, wish: dict[str, Any]) -> dict[str, Any]:
        """What people do by hand: `robot` add | remove (of `app`), `leave` names who goes."""
        group = self.tenant.groups.get(chat)
        if group is None or group.disbanded:
            raise LookupError(f"no DingTalk group {chat!r}")
        app, robot, leaver = self.tenant.app(str(wish.get("app") or "")), wish.get("robot"), wish.get("leave")
        if robot not in (None, "add", "remove"):
            raise Refusal(f"robot: expected add or remove, got {robot!r}")
        if robot:
            group.robots = [name for name in group.robots if name != app.name]
            group.robots += [app.name] if robot == "add" else []
        if leaver:
            if leaver not in group.members:
                raise Refusal(f"leave: {leaver!r} is not in group {group.name!r}", 409)
            group.members.remove(str(leaver))
        self.tenant.save_group(group)
        return {"chat": chat, "name": group.name, "members": group.members, "robots": group.robots}

    def counters(self) -> dict[str, dict[str, int]]:
        """What reached this platform, by app: accepted, updates, callbacks; too_many, calls it refused."""
        return self.tenant.counters.listing()

    async def settle(self) -> None:
        """Run now what the clock has made due, and wait until it is done."""
        await self.gateway.strike(counted=True)
        await self.timers.settle()

    async def close(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
        await self.timers.close()
        await self.gateway.close()
        await self.pusher.close()


def _check(options: dict[str, Any]) -> None:
    unknown = set(options) - OPTIONS - {"platform"}
    if unknown:
        raise Refusal(f"{', '.join(sorted(unknown))}: unknown; expected {', '.join(sorted(OPTIONS))}")
    if options.get("mode", "stream") not in {"stream", "http"}:
        raise Refusal(f"mode: expected stream or http, got {options['mode']!r}")
    for name in ("scopes", "visible", "templates"):
        if not isinstance(options.get(name, []), list):
            raise Refusal(f"{name}: expected a list")


def build(world: World) -> DingTalk:
    return DingTalk(world)
