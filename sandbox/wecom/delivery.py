"""Callbacks to the bot: encrypted POST, 5 s deadline, repeated deliveries, planted faults (§2.3, §2.7)."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from sandbox.wecom import switches
from sandbox.wecom.apps import App
from sandbox.wecom.counters import Counters
from sandbox.wecom.inbound import document
from sandbox.wecom.timeline import Copy, Timeline
from sandbox.world import World

KEPT_CHARS = 20_000
REORDER_PATIENCE = 3.0  # seconds a held delivery waits for a later one to overtake it

Reply = Callable[["Delivery", str], str]  # (delivery, body of a 200) -> note for the raw exchange


@dataclass
class Delivery:
    """One plaintext on its way to the bot. `about` is the message it belongs to."""

    app: App
    user: str
    plaintext: str
    about: Copy | None = None
    card: Copy | None = None  # the tapped card, for replies that change it
    random16: bytes = field(default_factory=lambda: os.urandom(16))
    first_done: asyncio.Event = field(default_factory=asyncio.Event)
    overtaken: asyncio.Event | None = None


class Postman:
    """Delivers callbacks without blocking whoever caused them; one member's keep their order."""

    def __init__(self, world: World, timeline: Timeline, counters: Counters, reply: Reply) -> None:
        self._world = world
        self._timeline = timeline
        self._counters = counters
        self._reply = reply
        self._tasks: set[asyncio.Task[None]] = set()
        self._last: dict[tuple[str, str], Delivery] = {}
        self._held: dict[tuple[str, str], Delivery] = {}
        self._session: aiohttp.ClientSession | None = None

    def post(self, delivery: Delivery) -> None:
        """Queue a delivery and return at once."""
        lane = (delivery.app.name, delivery.user)
        before = self._last.get(lane)
        if self._world.faults.take("wecom", "reorder"):
            delivery.overtaken = asyncio.Event()
            self._held[lane] = delivery
        else:
            self._last[lane] = delivery
            held = self._held.pop(lane, None)
            if held is not None:
                self._spawn(self._release(delivery, held))
        self._spawn(self._deliver(delivery, before, switches.lag_seconds(self._world)))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _release(self, newer: Delivery, held: Delivery) -> None:
        await newer.first_done.wait()
        assert held.overtaken is not None
        held.overtaken.set()

    async def settle(self) -> None:
        """Wait until every queued delivery has been answered or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _deliver(self, delivery: Delivery, before: Delivery | None, lag: float) -> None:
        await asyncio.sleep(lag)
        if delivery.overtaken is not None:
            await _wait(delivery.overtaken, REORDER_PATIENCE)
        elif before is not None:
            await before.first_done.wait()
        late = self._world.faults.take("wecom", "late")
        if late is not None:
            delivery.first_done.set()  # younger ones may overtake it
            await asyncio.sleep(float(late.args.get("seconds", "2")))
        rounds = [self._repeat(delivery)]
        if self._world.faults.take("wecom", "duplicate"):
            rounds.append(self._repeat(delivery))
        delivered = await asyncio.gather(*rounds)
        self._mark(delivery, "delivered" if any(delivered) else "failed")

    async def _repeat(self, delivery: Delivery) -> bool:
        """Up to three deliveries of the same plaintext, spaced from the first one's start."""
        started = time.monotonic()
        spacing = switches.number(self._world, "retry_spacing_s")
        for attempt in range(int(switches.number(self._world, "deliveries"))):
            due = started + attempt * spacing - time.monotonic()
            if due > 0:
                await asyncio.sleep(due)
            answered = await self._attempt(delivery, attempt + 1)
            delivery.first_done.set()
            if answered:
                return True
        return False

    def _mark(self, delivery: Delivery, outcome: str) -> None:
        about = delivery.about
        if about is not None and about.delivery and about.delivery != outcome:
            about.delivery = outcome
            self._timeline.touch(about)

    async def _attempt(self, delivery: Delivery, attempt: int) -> bool:
        """One POST; true when the bot answered 200 in time."""
        redraw = switches.is_on(self._world, "redraw_random")
        random16 = os.urandom(16) if redraw else delivery.random16
        envelope = delivery.app.envelope
        encrypt = envelope.encrypt(delivery.plaintext, random16)
        timestamp, nonce = str(self._world.clock.epoch()), str(secrets.randbelow(9 * 10**9) + 10**9)
        query = {"msg_signature": envelope.signature(timestamp, nonce, encrypt), "timestamp": timestamp}
        head = (("ToUserName", delivery.app.corp_id), ("AgentID", str(delivery.app.agent_id)))
        body = document([*head, ("Encrypt", encrypt)])
        started = time.perf_counter()
        status, text = await self._post(delivery.app.callback_url, {**query, "nonce": nonce}, body)
        ms = (time.perf_counter() - started) * 1000
        self._counters.add(delivery.app.name, "callbacks")
        note = self._reply(delivery, text) if status == 200 and text else ""
        self._record(delivery, attempt, body, status, "\n\n".join(t for t in (text, note) if t), ms, query)
        return status == 200

    async def _post(self, url: str, query: dict[str, str], body: str) -> tuple[int, str]:
        """(status, body); status 0 with the reason when there was no answer."""
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        deadline = switches.number(self._world, "deadline_s")
        try:
            async with self._session.post(
                url,
                params=query,
                data=body.encode(),
                headers={"Content-Type": "text/xml"},
                timeout=aiohttp.ClientTimeout(total=deadline),
                allow_redirects=False,
            ) as response:
                return response.status, await response.text(errors="replace")
        except TimeoutError:
            return 0, f"no answer within {deadline:g} s"
        except aiohttp.ClientError as error:
            return 0, f"{type(error).__name__}: {error}"

    def _record(
        self,
        delivery: Delivery,
        attempt: int,
        body: str,
        status: int,
        text: str,
        ms: float,
        query: dict[str, str],
    ) -> None:
        about = delivery.about or delivery.card
        pairs = "&".join(f"{k}={v}" for k, v in query.items())
        exchange = self._world.record_exchange(
            system="wecom",
            direction="out",
            method="POST",
            target=f"{delivery.app.callback_url}?{pairs}",
            request=f"{body}\n\ndelivery {attempt}, decrypted:\n{delivery.plaintext}"[:KEPT_CHARS],
            status=status,
            response=text[:KEPT_CHARS],
            ms=ms,
            message_id=about.id if about else "",
        )
        if about is not None:
            self._timeline.link(about.id, exchange.id)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long."""
    waiter = asyncio.ensure_future(event.wait())
    await asyncio.wait({waiter}, timeout=seconds)
    waiter.cancel()
