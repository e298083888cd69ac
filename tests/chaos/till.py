"""Tills that push orders which run late at once, and tell of some that they were shipped after all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import aiohttp

from bench.orders import number
from bench.pushes import address, order, push, signed
from tests.chaos.callbacks import ANSWER_SECONDS, MOST_COPIES

YELLOW, RED = timedelta(hours=1), timedelta(hours=2)
UNTIL_RED = timedelta(seconds=4)  # from its first push on
_AGAIN = 0.5  # seconds after a refusal
_PATIENCE = 900.0  # seconds until a till calls it broken


@dataclass
class Late:
    """One late order. `pushes` were sent of it, `taken` of them; `shipped` by its last word."""

    shop: str
    order: str
    shipped: bool = False
    pushes: int = 0
    taken: int = 0


class Tills:
    def __init__(self, session: aiohttp.ClientSession, port: int, shops: list[str], rng: Random) -> None:
        self._session = session
        self._port = port
        self._shops = shops
        self._rng = rng
        self.late: list[Late] = []

    async def one_late(self, n: int) -> None:
        """Paid long ago; every second one is shipped a little later; then old news comes once more."""
        late = Late(self._shops[n % len(self._shops)], number(n), shipped=self._rng.random() < 0.5)
        self.late.append(late)
        began = datetime.now(UTC)
        paid = began - RED + UNTIL_RED
        first = push("order.paid", late.shop, order(n, paid, began, shipped=False))
        async with asyncio.timeout(_PATIENCE):
            await self._until_taken(late, "order.paid", f"paid.{n:08d}", first)
            if late.shipped:
                await asyncio.sleep(self._rng.uniform(0.0, 12.0))
                last = order(n, paid, datetime.now(UTC), shipped=True)
                body = push("order.shipped", late.shop, last)
                await self._until_taken(late, "order.shipped", f"shipped.{n:08d}", body)
            if self._rng.random() < 0.3:
                again = self._rng.choice((f"paid.{n:08d}", f"paid-again.{n:08d}"))
                await self._until_taken(late, "order.paid", again, first)

    async def _until_taken(self, late: Late, event: str, event_id: str, body: bytes) -> None:
        """Copies side by side, and again until one was answered with 200: the contract wants it."""
        copies = self._rng.choices((1, 2, MOST_COPIES), (70, 20, 10))[0]
        while True:
            statuses = await asyncio.gather(*(self._push(late, event, event_id, body) for _ in range(copies)))
            if 200 in statuses:
                return
            copies = 1
            await asyncio.sleep(_AGAIN)

    async def _push(self, late: Late, event: str, event_id: str, body: bytes) -> int:
        late.pushes += 1
        try:
            async with self._session.post(
                address(self._port, late.shop),
                data=body,
                headers=signed(event, event_id, body),
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            ) as answer:
                await answer.read()
                late.taken += answer.status == 200
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0
