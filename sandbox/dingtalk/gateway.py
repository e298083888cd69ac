"""The Stream gateway: open answers, tickets, sockets, pings, disconnects (dingtalk.md §4)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import WSMsgType, web

from sandbox.dingtalk import answers, figures, frames, ids
from sandbox.dingtalk.answers import Reply
from sandbox.dingtalk.courier import Connection, Courier
from sandbox.dingtalk.door import Call, Endpoint
from sandbox.dingtalk.tenant import NAME, Tenant
from sandbox.dingtalk.timers import Timers

CLOSE_SECONDS = 2.0  # how long a closing socket waits for the other side
EXPIRED = "connection is expired"
IDLE = "persistent connection is timeout"


@dataclass
class Ticket:
    """Good for one connection, 90 s."""

    app: str
    topics: set[tuple[str, str]]
    until_ms: int


class Gateway:
    """Opens connections and keeps their lives as the platform does."""

    def __init__(self, tenant: Tenant, courier: Courier, timers: Timers) -> None:
        self._tenant = tenant
        self._world = tenant.world
        self._courier = courier
        self._timers = timers
        self._tickets: dict[str, Ticket] = {}

    def endpoints(self) -> list[Endpoint]:
        return [Endpoint("POST", "/v1.0/gateway/connections/open", self.open, token=False, metered=False)]

    async def open(self, call: Call) -> Reply:
        """No access token: id and secret are in the body."""
        if self._world.faults.take(NAME, "open_refused"):
            raise answers.api("system.busy", "系统繁忙", 503)
        body = call.body
        app = self._tenant.app_by_client(str(body.get("clientId") or ""))
        if app is None or app.client_secret != body.get("clientSecret"):
            raise answers.api("authFailed", "鉴权失败", 401)
        topics = _topics(body.get("subscriptions"))
        if not topics:
            raise answers.api("systemError", "系统错误")
        ticket = ids.ticket()
        life = int(figures.number(self._world, "ticket_seconds") * 1000)
        self._tickets[ticket] = Ticket(app.name, topics, self._world.clock.epoch_ms() + life)
        endpoint = "ws" + self._world.base.removeprefix("http") + "/dingtalk/connect"
        return self._answer(call, {"endpoint": endpoint, "ticket": ticket})

    def _answer(self, call: Call, body: dict[str, str]) -> Reply:
        """Without `Accept: application/json` the answer is XML."""
        accepts = "application/json" in call.request.headers.get("Accept", "")
        if accepts or not figures.enabled(self._world, "strict"):
            return Reply(body)
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in body.items())
        text = f'<?xml version="1.0" encoding="UTF-8"?><response>{inner}</response>'
        return Reply({}, raw=text.encode(), content_type="application/xml;charset=utf-8")

    async def connect(self, request: web.Request) -> web.StreamResponse:
        ticket = self._tickets.pop(request.query.get("ticket", ""), None)
        if ticket is None or ticket.until_ms < self._world.clock.epoch_ms():
            return web.Response(status=figures.whole(self._world, "ticket_refused_status"))
        socket = web.WebSocketResponse(autoping=False, timeout=CLOSE_SECONDS)
        await socket.prepare(request)
        abort = request.transport.abort if request.transport is not None else lambda: None
        connection = Connection(ids.frame_id(), ticket.app, socket, ticket.topics, abort)
        self._world.publish({"event": "connection", "platform": NAME, "app": ticket.app, "state": "open"})
        self._schedule(connection)
        await self._courier.attach(connection)
        try:
            await self._listen(connection)
        finally:
            self._courier.detach(connection)
            self._world.publish(
                {"event": "connection", "platform": NAME, "app": ticket.app, "state": "closed"}
            )
        return socket

    async def _listen(self, connection: Connection) -> None:
        """Acks come up, pings are answered; a half-dead socket does neither."""
        async for frame in connection.socket:
            if connection.dead:
                continue
            if frame.type is WSMsgType.PING:
                await connection.socket.pong(frame.data)
            elif frame.type is WSMsgType.TEXT:
                await self._courier.acknowledge(str(frame.data))

    def _schedule(self, connection: Connection) -> None:
        world = self._world
        self._timers.after(figures.number(world, "ping_seconds"), partial(self._ping, connection))
        age = figures.number(world, "connection_seconds")
        self._timers.after(age, partial(self.disconnect, connection, EXPIRED))

    async def _ping(self, connection: Connection) -> None:
        if connection.socket.closed or connection.draining:
            return
        await self._system(connection, "ping", {"opaque": ids.frame_id()})
        await self.strike(counted=False)
        self._timers.after(figures.number(self._world, "ping_seconds"), partial(self._ping, connection))

    async def disconnect(self, connection: Connection, reason: str) -> None:
        """New frames stop at once; TCP is closed after the drain."""
        if connection.socket.closed or connection.draining:
            return
        connection.draining = True
        await self._system(connection, "disconnect", {"reason": reason})
        drain = figures.number(self._world, "drain_seconds")
        self._timers.after(drain, partial(self._close, connection))

    async def _close(self, connection: Connection) -> None:
        if not connection.socket.closed:
            await connection.socket.close()

    async def _system(self, connection: Connection, topic: str, data: dict[str, str]) -> None:
        if connection.dead:
            return
        now = self._world.clock.epoch_ms()
        frame = frames.stream_frame("SYSTEM", topic, ids.frame_id(), now, frames.dumps(data))
        try:
            await connection.socket.send_str(frames.dumps(frame))
        except ConnectionError:
            self._courier.detach(connection)

    async def strike(self, *, counted: bool) -> None:
        """Planted `disconnect`, `half_dead` and `torn` faults hit a live connection, if there is one.

        Counted faults strike as soon as they are looked for; faults with a rate take their
        chance once a ping, else a quick look would hit at every turn.
        """
        for kind in ("disconnect", "half_dead", "torn"):
            live = [c for c in self._courier.connections() if not c.draining and not c.dead]
            if not live or counted != self._is_counted(kind):
                continue
            fault = self._world.faults.take(NAME, kind)
            if fault is None:
                continue
            wanted = [c for c in live if c.app == fault.args.get("app", "")]
            connection = self._courier.one_of(wanted or live)
            if kind == "half_dead":
                connection.dead = True
            elif kind == "torn":
                connection.abort()
                self._courier.detach(connection)
            else:
                await self.disconnect(connection, fault.args.get("reason", IDLE))

    def _is_counted(self, kind: str) -> bool:
        planted = self._world.faults.listing()
        return any((f["system"], f["kind"]) == (NAME, kind) and f["count"] for f in planted)

    async def close(self) -> None:
        await asyncio.gather(*(connection.socket.close() for connection in self._courier.connections()))


def _topics(subscriptions: Any) -> set[tuple[str, str]]:
    if not isinstance(subscriptions, list):
        return set()
    found = [entry for entry in subscriptions if isinstance(entry, dict)]
    return {(str(entry.get("type")), str(entry.get("topic"))) for entry in found}
