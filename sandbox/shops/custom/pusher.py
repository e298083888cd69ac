"""Pushes to the desk: signed raw bodies, sent again until they are accepted (platforms.md §3.7)."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass

import aiohttp

from sandbox.faults import Fault
from sandbox.shops.custom import switches
from sandbox.shops.custom.books import Books
from sandbox.shops.custom.model import Order
from sandbox.shops.custom.signing import signature
from sandbox.shops.custom.views import contract

RETRY_AFTER_S = (10, 30, 60, 300, 900, 3600, 3600, 7200)
STALE_S = 600
TICK = 0.02


@dataclass
class Delivery:
    """One event on its way. `due` by the world's clock, milliseconds; the flags hold for the first try."""

    order: Order
    modified: int
    event: str
    event_id: str
    body: bytes
    due: int
    tries: int = 0
    forged: bool = False
    stale: bool = False


class Pusher:
    """Sends without holding up whoever caused it; waits by the world's clock, so that a day can be a second."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._world = books.world
        self._waiting: list[Delivery] = []
        self._held: dict[str, Delivery] = {}  # by order: to go out after its next one
        self._pump: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    def tell(self, order: Order, event: str) -> None:
        """Queue the order as it is now."""
        if not self._books.push_url(order.shop) or not switches.is_on(self._world, "push"):
            return
        if self._fault("push_lost", event):
            return
        delivery = self._delivery(order, event)
        if self._fault("push_reordered", event) and order.number not in self._held:
            self._held[order.number] = delivery
            return
        earlier = self._held.pop(order.number, None)
        twin = [delivery] if self._fault("push_doubled", event) else []
        self._waiting += [delivery, *twin, *([earlier] if earlier else [])]
        self._wake()

    def catch_up(self, shop: str) -> int:
        """Tell of every order of which the desk has not accepted the present state; how many."""
        behind = [o for o in self._books.orders.values() if o.shop == shop and o.told < o.modified]
        for order in sorted(behind, key=lambda order: order.modified):
            self.tell(order, "order.updated")
        return len(behind)

    def _delivery(self, order: Order, event: str) -> Delivery:
        document = contract(order)
        if self._fault("push_bad_order", event):
            del document["created_at"]
        shop_id = self._books.shops[order.shop].shop_id
        if self._fault("push_wrong_shop", event):
            shop_id = "NOBODY"
        body = json.dumps({"event": event, "shop_code": shop_id, "order": document}, ensure_ascii=False)
        late = self._fault("push_late", event)
        due = self._world.clock.epoch_ms() + (
            int(float(late.args.get("seconds", "60")) * 1000) if late else 0
        )
        delivery = Delivery(order, order.modified, event, str(uuid.uuid4()), body.encode(), due)
        delivery.forged = self._fault("push_bad_signature", event) is not None
        delivery.stale = self._fault("push_stale", event) is not None
        return delivery

    def _fault(self, kind: str, event: str) -> Fault | None:
        return self._world.faults.take("custom", kind, event)

    def _wake(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._run())

    def _due(self) -> list[Delivery]:
        now = self._world.clock.epoch_ms()
        return [row for row in self._waiting if row.due <= now]

    async def _run(self) -> None:
        """Until nothing waits; what is due goes out in the order it came."""
        while self._waiting:
            if due := self._due():
                for row in due:
                    await self._send(row)
            else:
                await asyncio.sleep(TICK)

    async def done(self) -> None:
        """Nothing that is due is still on its way."""
        while True:
            if not self._due():
                return
            await asyncio.sleep(TICK)

    async def close(self) -> None:
        self._waiting.clear()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _send(self, row: Delivery) -> None:
        accepted = await self._attempt(row)
        row.forged = row.stale = False
        row.tries += 1
        if accepted or row.tries > len(RETRY_AFTER_S):
            self._waiting.remove(row)
            if accepted:
                self._books.accepted(row.order, row.modified)
        else:
            row.due = self._world.clock.epoch_ms() + RETRY_AFTER_S[row.tries - 1] * 1000

    async def _attempt(self, row: Delivery) -> bool:
        """One POST; true when the desk answered 2xx in time."""
        started = time.perf_counter()
        url = self._books.push_url(row.order.shop)
        status, text = await self._post(url, row) if url else (0, "no push_url")
        self._world.record_exchange(
            system="custom",
            direction="out",
            method="POST",
            target=f"{url} {row.event}",
            request=row.body.decode(),
            status=status,
            response=text[:2000],
            ms=round((time.perf_counter() - started) * 1000, 2),
        )
        return 200 <= status < 300

    async def _post(self, url: str, row: Delivery) -> tuple[int, str]:
        """(status, body); status 0 with the reason when there was no answer."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        timeout = aiohttp.ClientTimeout(total=switches.number(self._world, "push_deadline_s"))
        try:
            async with self._session.post(
                url, data=row.body, headers=self._headers(row), timeout=timeout, allow_redirects=False
            ) as response:
                return response.status, await response.text(errors="replace")
        except TimeoutError:
            return 0, "no answer in time"
        except aiohttp.ClientError as error:
            return 0, f"{type(error).__name__}: {error}"

    def _headers(self, row: Delivery) -> dict[str, str]:
        skew = int(switches.number(self._world, "clock_skew_s"))
        timestamp = self._world.clock.epoch() + skew - (STALE_S if row.stale else 0)
        secret = "not the secret" if row.forged else self._books.secret(row.order.shop)
        return {
            "Content-Type": "application/json",
            "X-Event-Id": row.event_id,
            "X-Event-Type": row.event,
            "X-Timestamp": str(timestamp),
            "X-Signature": signature(secret, timestamp, row.body),
        }
