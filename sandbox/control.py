"""The control API (DESIGN.md §5): drive people, faults, clock and orders; look at what happened."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any, Protocol

from aiohttp import web

from sandbox import attachments as attached
from sandbox import knobs, wishes
from sandbox.wishes import guarded
from sandbox.world import ChatPlatform, Person, Refusal, World

HEARTBEAT = 15.0  # seconds between comments on a quiet event stream


class Shops(Protocol):
    """The simulated shops, as the control API and the console drive them."""

    def routes(self) -> list[web.RouteDef]: ...
    def credentials(self) -> dict[str, list[dict[str, Any]]]: ...
    def new_app(self, options: dict[str, Any]) -> dict[str, Any]: ...
    def create_orders(self, payload: dict[str, Any]) -> dict[str, Any]: ...
    def listing(self) -> list[dict[str, Any]]: ...
    async def configure(self, platform: str, shop: str, wish: dict[str, Any]) -> dict[str, Any]: ...
    async def close(self) -> None: ...


class Payments(Protocol):
    """The simulated payment providers."""

    def routes(self) -> list[web.RouteDef]: ...
    def credentials(self) -> dict[str, list[dict[str, Any]]]: ...


class Control:
    """One handler a route; every wrong input is answered 400/404/409 with `{"error": …}`."""

    def __init__(
        self,
        world: World,
        platforms: dict[str, ChatPlatform],
        shops: Shops | None = None,
        payments: Payments | None = None,
    ) -> None:
        self._world = world
        self._platforms = platforms
        self._shops = shops
        self._payments = payments

    def routes(self) -> list[web.RouteDef]:
        """Routes relative to `/sandbox`, loopback only."""
        table = [
            ("GET", "/credentials", self.credentials),
            ("POST", "/apps", self.new_app),
            ("POST", "/apps/{platform}/{app}", self.configure),
            ("POST", "/say", self.say),
            ("POST", "/tap", self.tap),
            ("GET", "/messages", self.messages),
            ("GET", "/chats", self.chats),
            ("POST", "/chats", self.change_chat),
            ("GET", "/effects", self.effects),
            ("POST", "/orders", self.orders),
            ("GET", "/shops", self.shop_panel),
            ("GET", "/exchanges", self.exchanges),
            ("GET", "/people", self.people),
            ("POST", "/people", self.add_person),
            ("GET", "/events", self.events),
        ]
        return [
            *(web.route(method, path, guarded(handler)) for method, path, handler in table),
            *knobs.Knobs(self._world, self._systems).routes(),
        ]

    def _systems(self) -> set[str]:
        shops = self._shops.credentials() if self._shops else {}
        return {*self._platforms, *shops, *self._world.known_faults}

    def _platform(self, name: str) -> ChatPlatform:
        platform = self._platforms.get(name)
        if platform is None:
            raise Refusal(f"platform: no {name!r}; expected one of {', '.join(self._platforms)}")
        return platform

    async def credentials(self, _request: web.Request) -> web.Response:
        shops = self._shops.credentials() if self._shops else {}
        platforms = {name: platform.credentials() for name, platform in self._platforms.items()}
        payments = self._payments.credentials() if self._payments else {}
        return wishes.reply({**platforms, "shops": shops, "payments": payments, "people": self._people()})

    def _people(self) -> list[dict[str, str]]:
        return [vars(person) for person in self._world.people]

    async def people(self, _request: web.Request) -> web.Response:
        return wishes.reply({"people": self._people()})

    async def add_person(self, request: web.Request) -> web.Response:
        body = await wishes.wish(request)
        names = ("name", "role", "wecom", "dingtalk")
        person = Person(**{name: wishes.text(body, name) for name in names})
        for known in self._world.people:
            if person.wecom.casefold() == known.wecom.casefold() or person.dingtalk == known.dingtalk:
                raise Refusal(f"wecom/dingtalk: this account is {known.name}'s already", 409)
        self._world.add_person(person)
        return wishes.reply(vars(person))

    async def new_app(self, request: web.Request) -> web.Response:
        body = await wishes.wish(request)
        name = wishes.text(body, "platform")
        if name in self._platforms:
            return wishes.reply(self._platforms[name].new_app(body))
        if self._shops is not None and name in self._shops.credentials():
            return wishes.reply(self._shops.new_app(body))
        known = [*self._platforms, *(self._shops.credentials() if self._shops else ())]
        raise Refusal(f"platform: no {name!r}; expected one of {', '.join(known)}")

    async def configure(self, request: web.Request) -> web.Response:
        """Change an app's form in the platform's console, such as its callback URL."""
        body = await wishes.wish(request)
        name, of = request.match_info["platform"], request.match_info["app"]
        if self._shops is not None and name in self._shops.credentials():
            return wishes.reply(await self._shops.configure(name, of, body))
        platform = self._platform(name)
        change = getattr(platform, "configure", None)
        if change is None:
            raise Refusal(f"platform: {platform.name!r} has no app settings to change", 409)
        return wishes.reply(await change(of, body))

    async def say(self, request: web.Request) -> web.Response:
        """Text and attachments, or `event` (enter_agent, click with `key`)."""
        body = await wishes.wish(request)
        platform = self._platform(wishes.text(body, "platform"))
        user, app = wishes.text(body, "user"), wishes.text(body, "app", default="")
        if body.get("event"):
            happen = getattr(platform, "event", None)
            if happen is None:
                raise Refusal(f"event: {platform.name!r} has no such events")
            key = wishes.text(body, "key", default="")
            return wishes.reply(await happen(user, wishes.text(body, "event"), key, app))
        attachments = attached.read(wishes.rows(body, "attachments"))
        said = wishes.text(body, "text", default="" if attachments else None)
        chat = wishes.text(body, "chat", default="")
        return wishes.reply(await platform.say(user, said, chat=chat, app=app, attachments=attachments))

    async def tap(self, request: web.Request) -> web.Response:
        body = await wishes.wish(request)
        platform = self._platform(wishes.text(body, "platform"))
        extra: dict[str, Any] = {}
        if body.get("forge"):
            if "forge" not in inspect.signature(platform.tap).parameters:
                raise Refusal(f"forge: {platform.name!r} cannot send forged taps")
            extra["forge"] = True
        user, message_id = wishes.text(body, "user"), wishes.text(body, "message_id")
        action, inputs = wishes.text(body, "action"), wishes.table(body, "inputs")
        return wishes.reply(await platform.tap(user, message_id, action, inputs, **extra))

    async def messages(self, request: web.Request) -> web.Response:
        """Messages in the order of their last change; dropped ones only with `dropped=1`."""
        query = request.query
        wanted = query.get("platform", "")
        platforms = [self._platform(wanted)] if wanted else list(self._platforms.values())
        if not wanted and (query.get("user") or query.get("chat")):
            raise Refusal(f"platform: missing; expected one of {', '.join(self._platforms)}")
        user, chat = query.get("user", ""), query.get("chat", "")
        after = wishes.whole(query.get("after", ""), "after")
        found = [m for p in platforms for m in p.messages(user=user, chat=chat, after=after)]
        app, dropped = query.get("app", ""), query.get("dropped") == "1"
        found = [m for m in found if (dropped or not m.get("dropped")) and (not app or m["app"] == app)]
        return wishes.reply({"messages": sorted(found, key=lambda m: m["seq"])})

    async def chats(self, request: web.Request) -> web.Response:
        """Groups that a person sees."""
        platform = self._platform(request.query.get("platform", ""))
        listing = getattr(platform, "groups", None)
        return wishes.reply({"chats": listing(request.query.get("user", "")) if listing else []})

    async def change_chat(self, request: web.Request) -> web.Response:
        """What people do to a group by hand: `{platform, chat, leave: user}`, and on a platform whose groups have
        robots `robot: add | remove` with `app`."""
        body = await wishes.wish(request)
        platform = self._platform(wishes.text(body, "platform"))
        change = getattr(platform, "change_group", None)
        if change is None:
            raise Refusal(f"platform: {platform.name!r} has no groups to change", 409)
        return wishes.reply(change(wishes.text(body, "chat"), body))

    async def effects(self, _request: web.Request) -> web.Response:
        """Irreversible effects, and how many messages each chat platform accepted."""
        counters = {
            name: platform.counters()
            for name, platform in self._platforms.items()
            if hasattr(platform, "counters")
        }
        return wishes.reply({"effects": [vars(e) for e in self._world.effects], "counters": counters})

    async def orders(self, request: web.Request) -> web.Response:
        body = await wishes.wish(request)
        if self._shops is None:
            raise Refusal("orders: this sandbox has no shop", 409)
        created = self._shops.create_orders(body)
        self._world.publish({"event": "order"})
        return wishes.reply(created)

    async def shop_panel(self, _request: web.Request) -> web.Response:
        return wishes.reply({"orders": self._shops.listing() if self._shops else []})

    async def exchanges(self, request: web.Request) -> web.Response:
        query = request.query
        message_id, system = query.get("message_id", ""), query.get("system", "")
        after = wishes.whole(query.get("after", ""), "after")
        found = [
            vars(e)
            for e in self._world.exchanges
            if e.id > after and message_id in ("", e.message_id) and system in ("", e.system)
        ]
        return wishes.reply({"exchanges": found})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: one `data:` line of JSON for each change."""
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(b": connected\n\n")
        queue = self._world.subscribe()
        try:
            while True:
                line = await _next_line(queue)
                if not line:
                    return response
                await response.write(line)
        except ConnectionError:
            return response
        finally:
            self._world.unsubscribe(queue)


async def _next_line(queue: asyncio.Queue[dict[str, Any]]) -> bytes:
    """The next event as a line, a comment when nothing happens, nothing when the sandbox stops."""
    try:
        event = await asyncio.wait_for(queue.get(), HEARTBEAT)
    except TimeoutError:
        return b": still here\n\n"
    if event.get("event") == "closed":
        return b""
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
