"""Webhooks to the bot: signed raw bodies, five seconds, eight more tries in four hours (platforms.md §4.4)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass, field

import aiohttp

from sandbox.faults import Fault
from sandbox.shops.shopify import switches
from sandbox.shops.shopify.amounts import utc_text
from sandbox.shops.shopify.books import Books
from sandbox.shops.shopify.model import Order, Subscription
from sandbox.shops.shopify.rest_views import webhook_body

API_VERSION = "2026-01"
RETRY_AFTER_S = (10, 30, 60, 300, 900, 1800, 3600, 7200)  # eight tries more, within four hours
TICK = 0.02


@dataclass
class Delivery:
    """One body on its way to one address. `due` by the world's clock, milliseconds."""

    subscription: Subscription
    body: bytes
    webhook_id: str
    event_id: str
    triggered: str
    due: int
    tries: int = 0
    forged: bool = False
    tried: asyncio.Event = field(default_factory=asyncio.Event)  # made anew for every try


class Webhooks:
    """Sends without holding up whoever caused them; waits by the world's clock, so that a day can be a second."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._world = books.world
        self._waiting: list[Delivery] = []
        self._pump: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    def tell(self, order: Order, topics: tuple[str, ...]) -> None:
        """Queue one delivery for each subscription of each topic."""
        event_id, now = str(uuid.uuid4()), self._world.clock.epoch_ms()
        for topic in topics:
            mine = [
                row
                for row in self._books.subscriptions.values()
                if (row.shop, row.topic) == (order.shop, topic)
            ]
            for row in mine:
                self._queue(row, order, event_id, now)

    def _queue(self, row: Subscription, order: Order, event_id: str, now: int) -> None:
        if self._fault("push_lost", row.topic):
            return
        document = webhook_body(row.topic, order, self._books.shops[order.shop])
        body = json.dumps(document, ensure_ascii=False).encode()
        late = self._fault("push_late", row.topic)
        due = now + int(float(late.args.get("seconds", "60")) * 1000) if late else now
        delivery = Delivery(row, body, str(uuid.uuid4()), event_id, utc_text(now), due)
        delivery.forged = self._fault("push_bad_signature", row.topic) is not None
        self._waiting.append(delivery)
        if self._fault("push_doubled", row.topic):
            twin = Delivery(row, body, delivery.webhook_id, event_id, delivery.triggered, due)
            self._waiting.append(twin)
        self._wake()

    def _fault(self, kind: str, topic: str) -> Fault | None:
        return self._world.faults.take("shopify", kind, topic)

    def _wake(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._run())

    def _due(self) -> list[Delivery]:
        now = self._world.clock.epoch_ms()
        return [row for row in self._waiting if row.due <= now]

    async def _run(self) -> None:
        """Until nothing waits; what is due at once goes out side by side, in the order it came."""
        while self._waiting:
            if due := self._due():
                await asyncio.gather(*(self._send(row) for row in due))
            else:
                await asyncio.sleep(TICK)

    async def done(self) -> None:
        """Nothing that is due is still on its way."""
        while due := self._due():
            await asyncio.gather(*(row.tried.wait() for row in due))

    async def close(self) -> None:
        self._waiting.clear()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _send(self, row: Delivery) -> None:
        answered = await self._attempt(row)
        tried, row.tried = row.tried, asyncio.Event()
        row.forged, row.tries = False, row.tries + 1
        if answered or row.tries > len(RETRY_AFTER_S):
            self._waiting.remove(row)
            if not answered:
                self._books.unsubscribe(row.subscription.id)  # made by API: given up after the last try
        else:
            row.due = self._world.clock.epoch_ms() + RETRY_AFTER_S[row.tries - 1] * 1000
        tried.set()

    async def _attempt(self, row: Delivery) -> bool:
        """One POST; true when the bot answered 2xx in time."""
        started = time.perf_counter()
        status, text = await self._post(row)
        self._world.record_exchange(
            system="shopify",
            direction="out",
            method="POST",
            target=f"{row.subscription.address} {row.subscription.topic}",
            request=row.body.decode(),
            status=status,
            response=text[:2000],
            ms=round((time.perf_counter() - started) * 1000, 2),
        )
        return 200 <= status < 300

    async def _post(self, row: Delivery) -> tuple[int, str]:
        """(status, body); status 0 with the reason when there was no answer."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        timeout = aiohttp.ClientTimeout(total=switches.number(self._world, "push_deadline_s"))
        try:
            async with self._session.post(
                row.subscription.address,
                data=row.body,
                headers=self._headers(row),
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                return response.status, await response.text(errors="replace")
        except TimeoutError:
            return 0, "no answer in time"
        except aiohttp.ClientError as error:
            return 0, f"{type(error).__name__}: {error}"

    def _headers(self, row: Delivery) -> dict[str, str]:
        secret = self._books.apps[row.subscription.client_id].client_secret
        key = "not the secret" if row.forged else secret
        digest = hmac.new(key.encode(), row.body, hashlib.sha256).digest()
        return {
            "Content-Type": "application/json",
            "X-Shopify-Topic": row.subscription.topic,
            "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
            "X-Shopify-Shop-Domain": self._books.shops[row.subscription.shop].domain,
            "X-Shopify-API-Version": API_VERSION,
            "X-Shopify-Webhook-Id": row.webhook_id,
            "X-Shopify-Event-Id": row.event_id,
            "X-Shopify-Triggered-At": row.triggered,
        }
