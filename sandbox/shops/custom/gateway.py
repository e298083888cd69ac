"""The order list of the contract: signed reads, ascending by change, by cursor (platforms.md §3.7)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import random
import time
from collections import deque
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from sandbox.faults import Fault
from sandbox.shops.custom import life, switches
from sandbox.shops.custom.amounts import moment_ms
from sandbox.shops.custom.books import Books
from sandbox.shops.custom.model import Order
from sandbox.shops.custom.signing import signature
from sandbox.shops.custom.views import contract

TOLERANCE_S = 300
MOST_ROWS = 100
HTML_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class ListRefusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gateway:
    """Serves `/custom/{shop}/orders` and `/custom/{shop}/orders/{number}`."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._world = books.world
        self._calls: deque[float] = deque()
        self._dice = random.Random(7)

    async def orders(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, self._page)

    async def order(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, self._one)

    async def _serve(self, request: web.Request, read: Any) -> web.StreamResponse:
        started = time.perf_counter()
        reset = self._fault("reset", request.path)
        response = await self._faulty(request.path)
        if response is None:
            try:
                self._check(request)
                response = _json(200, read(request))
            except ListRefusal as refusal:
                response = _json(refusal.status, {"error": str(refusal)})
        if self._fault("truncated", request.path):
            text = response.text or ""
            response = web.Response(text=text[: len(text) // 2], content_type="application/json")
        response.headers["Date"] = format_datetime(self._now(), usegmt=True)
        self._world.record_exchange(
            system="custom",
            direction="in",
            method=request.method,
            target=request.path_qs,
            request="",
            status=0 if reset else response.status,
            response="" if reset else (response.text or "")[:20_000],
            ms=round((time.perf_counter() - started) * 1000, 2),
        )
        if reset and request.transport is not None:
            request.transport.abort()
        return response

    def _now(self) -> datetime:
        return self._world.clock.now() + timedelta(seconds=switches.number(self._world, "clock_skew_s"))

    def _fault(self, kind: str, where: str) -> Fault | None:
        return self._world.faults.take("custom", kind, where)

    async def _faulty(self, path: str) -> web.Response | None:
        """Faults that strike before the call reaches the service."""
        if slow := self._fault("slow", path):
            await asyncio.sleep(float(slow.args.get("seconds", "3")))
        if broken := self._fault("5xx", path):
            return web.Response(
                status=int(broken.args.get("status", "502")), text=HTML_PAGE, content_type="text/html"
            )
        if self._fault("html", path):
            return web.Response(text=HTML_PAGE, content_type="text/html")
        limited = self._fault("429", path)
        if limited or self._too_fast():
            seconds = limited.args.get("seconds", "1") if limited else "1"
            return web.json_response({"error": "too fast"}, status=429, headers={"Retry-After": seconds})
        return None

    def _too_fast(self) -> bool:
        now = self._world.clock.now().timestamp()
        while self._calls and not now - 1 < self._calls[0] <= now:
            self._calls.popleft()
        if self._world.clock.frozen or len(self._calls) < switches.number(self._world, "calls_per_second"):
            self._calls.append(now)
            return False
        return True

    def _check(self, request: web.Request) -> None:
        shop = request.match_info["shop"]
        if shop not in self._books.shops:
            raise ListRefusal(404, f"no shop {shop}")
        stamp = request.headers.get("X-Timestamp", "")
        if not stamp.isdecimal():
            raise ListRefusal(401, "X-Timestamp: expected seconds since 1970")
        wanted = signature(self._books.secret(shop), int(stamp), request.raw_path.encode())
        if not hmac.compare_digest(wanted, request.headers.get("X-Signature", "")):
            raise ListRefusal(401, "X-Signature: wrong")
        if abs(self._now().timestamp() - int(stamp)) > TOLERANCE_S:
            raise ListRefusal(401, "X-Timestamp: more than 300 seconds off")

    def _visible(self, shop: str) -> list[Order]:
        """What the index has taken in, oldest change first."""
        lag = int(switches.number(self._world, "index_lag_s") * 1000)
        until = self._world.clock.epoch_ms() - lag
        mine = [order for order in self._books.orders.values() if order.shop == shop]
        # two changes of one moment are a millisecond apart: without a lag the later one shows too
        found = [order for order in mine if not lag or order.modified <= until]
        return sorted(found, key=lambda order: (order.modified, order.number))

    def _page(self, request: web.Request) -> dict[str, Any]:
        query, shop = request.query, request.match_info["shop"]
        start, end = _moment(query, "updated_after"), _moment(query, "updated_before")
        limit = _limit(query.get("limit", "50"))
        found = [order for order in self._visible(shop) if start <= order.modified < end]
        after = _cursor(query.get("cursor", ""))
        left = [order for order in found if (order.modified, order.number) > after]
        rows = [contract(order) for order in left[:limit]]
        cursor = _encode(left[limit - 1]) if len(left) > limit else None
        self._spoil(rows, request.path)
        self._churn(shop)
        return {
            "orders": rows,
            "next_cursor": cursor,
            "total": len(found),
        }

    def _spoil(self, rows: list[dict[str, Any]], path: str) -> None:
        if rows and self._fault("doubled", path):
            rows.append(rows[0])
        if rows and (bad := self._fault("bad_row", path)):
            missing = bad.args.get("field", "created_at")
            rows[-1] = {name: value for name, value in rows[-1].items() if name != missing}

    def _churn(self, shop: str) -> None:
        mine = [order for order in self._books.orders.values() if order.shop == shop]
        for _ in range(int(switches.number(self._world, "churn")) if mine else 0):
            life.remark(self._books, self._dice.choice(mine), f"改过 {self._dice.random():.6f}")

    def _one(self, request: web.Request) -> dict[str, Any]:
        order = self._books.orders.get(request.match_info["number"])
        if order is None or order.shop != request.match_info["shop"]:
            raise ListRefusal(404, "no such order")
        return {"order": contract(order)}


def _json(status: int, document: dict[str, Any]) -> web.Response:
    return web.Response(
        status=status, text=json.dumps(document, ensure_ascii=False), content_type="application/json"
    )


def _moment(query: Any, name: str) -> int:
    text = str(query.get(name, ""))
    try:
        if datetime.fromisoformat(text).tzinfo is None:
            raise ListRefusal(400, f"{name}: expected an offset")
        return moment_ms(text)
    except ValueError as error:
        raise ListRefusal(400, f"{name}: expected ISO 8601") from error


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_ROWS:
        raise ListRefusal(400, f"limit: expected 1 to {MOST_ROWS}")
    return int(text)


def _encode(order: Order) -> str:
    return base64.urlsafe_b64encode(f"{order.modified}:{order.number}".encode()).decode().rstrip("=")


def _cursor(text: str) -> tuple[int, str]:
    if not text:
        return (0, "")
    try:
        modified, _, number = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(":")
        return int(modified), number
    except (binascii.Error, ValueError) as error:
        raise ListRefusal(400, "cursor: not one of ours") from error
