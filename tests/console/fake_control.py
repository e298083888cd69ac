"""A control API in memory: the console's front end is tested against it, over real HTTP and real events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.console import pages
from sandbox.world import PEOPLE

Json = dict[str, Any]
GROUP = "cidGroup=="
NOON = "2026-01-05T12:%02d:00+08:00"


@dataclass
class FakeControl:
    """What the page reads and what it wrote; `posted` is every write as `(path, body)`, oldest first."""

    base: str = ""
    rows: list[Json] = field(default_factory=list)
    posted: list[tuple[str, Json]] = field(default_factory=list)
    exchanges: list[Json] = field(default_factory=list)
    effects: list[Json] = field(default_factory=list)
    orders: list[Json] = field(default_factory=list)
    faults: list[Json] = field(default_factory=list)
    refusal: str = ""  # every write is refused with this text while it is set
    on_tap: Callable[[Json], None] | None = None
    listeners: set[asyncio.Queue[Json]] = field(default_factory=set)
    now: str = NOON % 30
    seq: int = 0

    def put(self, message_id: str, *, platform: str = "wecom", user: str = "linxiaoman", **rest: Any) -> Json:
        """Add a message, or change the one of this id for this person; it is not announced."""
        self.seq += 1
        known = next((row for row in self.rows if row["id"] == message_id and row["user"] == user), None)
        if known is None:
            head = {"id": message_id, "platform": platform, "user": user, "chat": "", "app": "main"}
            known = {**head, "from": "bot", "type": "text", "text": "", "at": NOON % min(self.seq, 59)}
            self.rows.append(known)
        known.update(rest, seq=self.seq, updated_at=self.now)
        return known

    def announce(self, message: Json) -> None:
        about = {key: message[key] for key in ("platform", "user", "chat", "id")}
        self.publish({"event": "message", **about})

    def publish(self, event: Json) -> None:
        for queue in self.listeners:
            queue.put_nowait(event)

    def drop_streams(self) -> None:
        """Cut every event stream, as a restart of the server does."""
        self.publish({"event": "closed"})

    def written(self, path: str) -> list[Json]:
        return [body for posted, body in self.posted if posted == path]


def routes(control: FakeControl) -> list[web.RouteDef]:
    """The endpoints the page calls, and the console's own, relative to `/sandbox`."""
    reads: dict[str, Callable[[], Any]] = {
        "/people": lambda: {"people": [vars(person) for person in PEOPLE]},
        "/credentials": lambda: {"wecom": [{"app": "main"}], "dingtalk": [{"app": "main", "group": GROUP}]},
        "/chats": lambda: {"chats": []},
        "/effects": lambda: {"effects": control.effects, "counters": {}},
        "/shops": lambda: {"orders": control.orders},
        "/faults": lambda: {"faults": control.faults, "known": {"wecom": {"429": "refused with 45009"}}},
        "/clock": lambda: {"now": control.now, "frozen": True},
        "/switches": lambda: {
            "switches": [{"name": "wecom.lag", "value": "1", "default": "1", "meaning": "lag"}]
        },
    }
    table = [web.get(path, _read(answer)) for path, answer in reads.items()]
    table += [web.get("/messages", _messages(control)), web.get("/events", _events(control))]
    table += [web.get("/exchanges", _exchanges(control)), web.delete("/faults", _write(control))]
    writes = ("/say", "/tap", "/orders", "/faults", "/clock", "/switches", "/shops/taobao/buyer")
    return [*table, *(web.post(path, _write(control)) for path in writes), *pages.routes()]


def _read(answer: Callable[[], Any]) -> Callable[[web.Request], Any]:
    async def handle(_request: web.Request) -> web.Response:
        return web.json_response(answer())

    return handle


def _messages(control: FakeControl) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        query, after = request.query, int(request.query.get("after", "0"))
        chat = query.get("chat", "")
        found = [
            row
            for row in control.rows
            if row["platform"] == query["platform"]
            and row["seq"] > after
            and (row["chat"] == chat if chat else row["user"] == query["user"])
        ]
        return web.json_response({"messages": sorted(found, key=lambda row: int(row["seq"]))})

    return handle


def _exchanges(control: FakeControl) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        after, about = int(request.query.get("after", "0")), request.query.get("message_id", "")
        found = [e for e in control.exchanges if e["id"] > after and about in ("", e["message_id"])]
        return web.json_response({"exchanges": found})

    return handle


def _write(control: FakeControl) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        if control.refusal:
            return web.json_response({"error": control.refusal}, status=409)
        path = request.path.removeprefix("/sandbox")
        body: Json = json.loads(await request.read() or b"{}")
        control.posted.append((f"{path} cleared" if request.method == "DELETE" else path, body))
        _react(control, path, body, cleared=request.method == "DELETE")
        return web.json_response({"ok": True})

    return handle


def _react(control: FakeControl, path: str, body: Json, *, cleared: bool) -> None:
    """As much of the world as the page must see to go on: what was said, tapped, planted."""
    if path == "/say" and "text" in body:
        said = {"from": body["user"], "text": body["text"], "chat": body.get("chat", "")}
        message_id = f"said-{control.seq + 1}"
        control.announce(control.put(message_id, platform=body["platform"], user=body["user"], **said))
    if path == "/tap" and control.on_tap is not None:
        control.on_tap(body)
    if path == "/faults":
        control.faults = [] if cleared else [*control.faults, {"fired": 0, "rate": 0, "count": 0, **body}]


def _events(control: FakeControl) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"retry: 100\n\n")
        queue: asyncio.Queue[Json] = asyncio.Queue()
        control.listeners.add(queue)
        try:
            while (event := await queue.get()).get("event") != "closed":
                await response.write(f"data: {json.dumps(event)}\n\n".encode())
        except ConnectionError:
            return response  # the page went away
        finally:
            control.listeners.discard(queue)
        return response

    return handle


@asynccontextmanager
async def serve(control: FakeControl) -> AsyncIterator[FakeControl]:
    """The fake on a free port; `base` is the console's address."""
    app = web.Application()
    app.add_routes(web.RouteDef(r.method, f"/sandbox{r.path}", r.handler, r.kwargs) for r in routes(control))
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    control.base = f"http://127.0.0.1:{port}/sandbox/"
    try:
        yield control
    finally:
        control.drop_streams()
        await runner.cleanup()
