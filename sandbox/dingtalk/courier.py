"""Stream delivery: one connection by lot, acknowledgements, redelivery (dingtalk.md §4.3)."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web

from sandbox.dingtalk import figures, frames, ids
from sandbox.dingtalk.redaction import redact
from sandbox.dingtalk.tenant import NAME, Tenant
from sandbox.dingtalk.timers import Timer, Timers
from sandbox.world import Exchange

OK = 200


@dataclass(eq=False)
class Connection:
    """One WebSocket of an app. A half-dead one looks open and neither hears nor speaks."""

    id: str
    app: str
    socket: web.WebSocketResponse
    topics: set[tuple[str, str]]
    abort: Callable[[], None] = lambda: None  # break it off as a lost network does, without a close
    draining: bool = False
    dead: bool = False

    def takes(self, kind: str, topic: str) -> bool:
        return not self.draining and not self.socket.closed and (kind, topic) in self.topics


@dataclass(eq=False)
class Delivery:
    """One push on its way to an app; `answer` receives the ack's data, for card clicks."""

    app: str
    kind: str  # EVENT | CALLBACK
    topic: str
    data: str
    message_id: str = ""  # the chat bubble it belongs to
    headers: dict[str, str] = field(default_factory=dict)
    frame_id: str = field(default_factory=ids.frame_id)
    answer: asyncio.Future[Any] | None = None
    attempts: int = 0
    timer: Timer | None = None
    exchange: Exchange | None = None
    sent_at: float = 0.0


class Courier:
    """Every open connection, and every push that has not been acknowledged."""

    def __init__(self, tenant: Tenant, timers: Timers) -> None:
        self._tenant = tenant
        self._world = tenant.world
        self._timers = timers
        self._connections: list[Connection] = []
        self._waiting: dict[str, Delivery] = {}
        self._queued: list[Delivery] = []
        self._random = random.Random(7)

    def connections(self, app: str = "") -> list[Connection]:
        return [found for found in self._connections if not app or found.app == app]

    def one_of(self, connections: list[Connection]) -> Connection:
        """By lot."""
        return self._random.choice(connections)

    async def attach(self, connection: Connection) -> None:
        self._connections.append(connection)
        if not figures.enabled(self._world, "flush_on_connect"):
            return
        ready = [found for found in self._queued if connection.app == found.app]
        for delivery in ready:
            if connection.takes(delivery.kind, delivery.topic):
                await self.send(delivery)

    def detach(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)

    async def send(self, delivery: Delivery) -> None:
        """Try one connection; keep the push and try again later when nothing takes it or acks it."""
        if delivery in self._queued:
            self._queued.remove(delivery)
        if delivery.timer is not None:
            delivery.timer.cancel()
        delivery.attempts += 1
        self._name_frame(delivery)
        self._waiting[delivery.frame_id] = delivery
        wait = figures.number(self._world, "redelivery_seconds")
        delivery.timer = self._timers.after(wait, partial(self._again, delivery))
        if await self._transmit(delivery):
            if delivery.frame_id in self._waiting:  # else the ack was faster
                self._tenant.mark(delivery.message_id, "sent")
        else:
            self._queued.append(delivery)
            self._tenant.mark(delivery.message_id, "undelivered")

    async def repeat(self, delivery: Delivery) -> None:
        """The same frame once more, as a duplicate."""
        await self._transmit(delivery)

    def _name_frame(self, delivery: Delivery) -> None:
        """A redelivery carries the same messageId, or by switch a new one."""
        renew = delivery.attempts > 1 and figures.enabled(self._world, "redelivery_new_message_id")
        if renew:
            self._waiting.pop(delivery.frame_id, None)
            delivery.frame_id = ids.frame_id()

    async def _again(self, delivery: Delivery) -> None:
        """Nobody acknowledged: once more, until the attempts are used up."""
        if delivery.frame_id not in self._waiting:
            return
        if delivery.attempts >= figures.whole(self._world, "redelivery_attempts"):
            self._waiting.pop(delivery.frame_id)
            if delivery in self._queued:
                self._queued.remove(delivery)
            self._tenant.mark(delivery.message_id, "undelivered")
            return
        await self.send(delivery)

    async def _transmit(self, delivery: Delivery) -> bool:
        while True:
            ready = [c for c in self.connections(delivery.app) if c.takes(delivery.kind, delivery.topic)]
            if not ready:
                return False
            connection = self.one_of(ready)
            if await self._write(connection, delivery):
                return True
            self.detach(connection)

    async def _write(self, connection: Connection, delivery: Delivery) -> bool:
        app = self._tenant.app(delivery.app)
        frame = frames.stream_frame(
            delivery.kind,
            delivery.topic,
            delivery.frame_id,
            self._world.clock.epoch_ms(),
            delivery.data,
            appId=app.client_id,
            connectionId=connection.id,
            **delivery.headers,
        )
        text = frames.dumps(frame)
        self._note(delivery, connection, text)
        if connection.dead:
            return True
        try:
            await connection.socket.send_str(text)
        except ConnectionError:
            return False
        return True

    def _note(self, delivery: Delivery, connection: Connection, text: str) -> None:
        delivery.sent_at = time.perf_counter()
        delivery.exchange = self._world.record_exchange(
            system=NAME,
            direction="out",
            method="STREAM",
            target=f"{delivery.kind} {delivery.topic} → {connection.app}",
            request=redact(text),
            status=0,
            response="",
            ms=0.0,
            message_id=delivery.message_id,
        )
        self._tenant.link(delivery.exchange, [delivery.message_id])

    async def acknowledge(self, text: str) -> None:
        """An ack frame came up; faults lose it or hold it back."""
        try:
            ack = json.loads(text)
            frame_id = str(ack["headers"]["messageId"])
        except (ValueError, TypeError, KeyError):
            return  # not an ack: the gateway ignores it
        faults = self._world.faults
        if frame_id not in self._waiting or faults.take(NAME, "lost_ack"):
            return
        if fault := faults.take(NAME, "late_ack"):
            wait = float(fault.args.get("seconds") or figures.number(self._world, "late_seconds"))
            self._timers.after(wait, partial(self._accept, frame_id, ack, text))
            return
        await self._accept(frame_id, ack, text)

    async def _accept(self, frame_id: str, ack: Any, text: str) -> None:
        """What the ack answers is over, unless it asks for more; a frame with a new id knows no old ack."""
        delivery = self._waiting.get(frame_id)
        if delivery is None:
            return
        code = ack["code"] if isinstance(ack.get("code"), int) else 0
        self._note_ack(delivery, code, text)
        if self._refused(delivery, code, ack):
            return
        self._waiting.pop(delivery.frame_id, None)
        if delivery.timer is not None:
            delivery.timer.cancel()
        self._tenant.mark(delivery.message_id, "delivered")
        if delivery.answer is not None and not delivery.answer.done():
            delivery.answer.set_result(_data(ack) if code == OK else None)

    def _note_ack(self, delivery: Delivery, code: int, text: str) -> None:
        if delivery.exchange is not None:
            delivery.exchange.status = code
            delivery.exchange.response = redact(text)
            delivery.exchange.ms = round((time.perf_counter() - delivery.sent_at) * 1000, 3)

    def _refused(self, delivery: Delivery, code: int, ack: Any) -> bool:
        """Events come again after 404/500 and after LATER; robot and card frames only by switch."""
        data = _data(ack)
        if delivery.kind == "EVENT" and isinstance(data, dict) and data.get("status") == "LATER":
            wait = figures.number(self._world, "later_seconds")
            if delivery.timer is not None:
                delivery.timer.cancel()
            delivery.timer = self._timers.after(wait, partial(self._again, delivery))
            return True
        return code != OK and (delivery.kind == "EVENT" or figures.enabled(self._world, "redeliver_on_error"))


def _data(ack: Any) -> Any:
    """The JSON inside an ack's `data` text."""
    raw = ack.get("data")
    if not isinstance(raw, str) or not raw:
        return raw
    try:
        return json.loads(raw)
    except ValueError:
        return None
