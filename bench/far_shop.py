"""A shop of one's own that sells at a steady rate and pushes every order, and some of them again when they ship. What
is refused is pushed again, as the contract wants it (docs/custom.md).

Reads a JSON spec from standard input, writes a JSON result to standard output when everything was sent.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter

import aiohttp

from bench.lines import open_clients
from bench.pushes import address, order, push, signed

CLIENTS = 32
SHIP_EACH = 10  # every tenth order ships …
SHIP_AFTER = 20.0  # … so many seconds after it was sold
LIGHT_EACH = 400  # one of so many was paid so long ago that its red light is due …
LIGHT_AFTER = 20.0  # … so many seconds after it is heard of
AGAIN = (5.0, 10.0, 20.0, 40.0, 80.0)  # seconds after the first, second … refusal of a push
LIGHT_AGE = timedelta(hours=48)  # the default rule for what is to be shipped


@dataclass(frozen=True)
class Plan:
    """`rate` orders a second for `seconds` from `began` (`perf_counter`) on, numbered from `first`; one of `light_each`
    is late."""

    port: int
    shop: str
    rate: float
    seconds: float
    began: float
    first: int
    light_each: int = LIGHT_EACH


@dataclass
class Told:
    """`refused`: answers that were no 200, by status (0: none came); `lost`: orders that were refused each time.
    Latencies in seconds, of every try."""

    orders: int = 0
    shipped: int = 0
    latencies: list[float] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    lost: int = 0
    late: float = 0.0
    ended: float = 0.0


class Shop:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._clients: list[aiohttp.ClientSession] = []
        self._turn = itertools.count()
        self._under_way: set[asyncio.Task[None]] = set()
        self.told = Told()

    async def sell(self) -> Told:
        plan, told = self._plan, self.told
        self._clients = await open_clients(CLIENTS, plan.port)
        for k in range(int(plan.rate * plan.seconds)):
            due = plan.began + k / plan.rate
            await asyncio.sleep(max(0.0, due - perf_counter()))
            told.late = max(told.late, perf_counter() - due)
            self._begin("order.paid", k, shipped=False)
            told.orders += 1
            earlier = k - int(plan.rate * SHIP_AFTER)
            if k % SHIP_EACH == 0 and earlier >= 0:
                self._begin("order.shipped", earlier, shipped=True)
                told.shipped += 1
        while self._under_way:
            await asyncio.wait(self._under_way)
        told.ended = perf_counter()
        for client in self._clients:
            await client.close()
        return told

    def _begin(self, event: str, k: int, *, shipped: bool) -> None:
        n, now = self._plan.first + k, datetime.now(UTC)
        paid = now - LIGHT_AGE + timedelta(seconds=LIGHT_AFTER) if k % self._plan.light_each == 0 else now
        body = push(event, self._plan.shop, order(n, paid, now, shipped=shipped))
        task = asyncio.ensure_future(self._push(event, f"{event}.{self._plan.first + k:012d}", body))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _push(self, event: str, event_id: str, body: bytes) -> None:
        for pause in (*AGAIN, None):
            status = await self._try(event, event_id, body)
            if status == 200:
                return
            self.told.refused[status] = self.told.refused.get(status, 0) + 1
            if pause is not None:
                await asyncio.sleep(pause)
        self.told.lost += 1

    async def _try(self, event: str, event_id: str, body: bytes) -> int:
        headers, url = signed(event, event_id, body), address(self._plan.port, self._plan.shop)
        client = self._clients[next(self._turn) % CLIENTS]
        began = perf_counter()
        try:
            async with client.post(url, data=body, headers=headers) as answer:
                await answer.read()
                status = answer.status
        except aiohttp.ClientError:
            status = 0
        self.told.latencies.append(perf_counter() - began)
        return status


async def _run(plan: Plan) -> Told:
    return await Shop(plan).sell()


def main() -> None:
    told = asyncio.run(_run(Plan(**json.load(sys.stdin))))
    json.dump(told.__dict__, sys.stdout)


if __name__ == "__main__":
    main()
