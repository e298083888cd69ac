"""The platform's HTTP door: token, faults, limits, then GraphQL or REST; every exchange is recorded."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from sandbox.faults import Fault
from sandbox.shops.shopify.answering import answer, name_of
from sandbox.shops.shopify.books import Books
from sandbox.shops.shopify.calls import Call
from sandbox.shops.shopify.quota import Quota
from sandbox.shops.shopify.rest import Reply, handle

VERSION = re.compile(r"[0-9]{4}-(01|04|07|10)|unstable")
HTML_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
BAD_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"
TOO_MANY = "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."
_DOWN = {
    "message": "Internal error. Looks like something went wrong on our end.",
    "extensions": {"code": "INTERNAL_SERVER_ERROR"},
}


class Gateway:
    """Serves `/{shop}/admin/…`."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._world = books.world
        self._quota = Quota(books.world)
        self._late: set[asyncio.Task[None]] = set()

    async def graphql(self, request: web.Request) -> web.StreamResponse:
        text, body = await _json(request)
        where = name_of(body)

        def work(call: Call) -> Reply:
            if fault := self._fault("429", where):
                return self._throttled(call, float(fault.args.get("seconds", "2")))
            if self._fault("internal", where):
                return Reply({"errors": [_DOWN]})
            return Reply(answer(call, self._quota, body))

        return await self._serve(request, where, text, work)

    def _throttled(self, call: Call, seconds: float) -> Reply:
        """A planted throttle: the cost says that so many seconds are missing."""
        cost = self._quota.cost(call.grant.token, 0, None)
        status = cost["throttleStatus"]
        cost["requestedQueryCost"] = int(status["restoreRate"] * seconds)
        status["currentlyAvailable"] = 0
        error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
        return Reply({"errors": [error], "extensions": {"cost": cost}})

    async def rest(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        text, body = await _json(request)

        def work(call: Call) -> Reply:
            fits, level = self._quota.take_call(call.grant.token)
            header = {"X-Shopify-Shop-Api-Call-Limit": level}
            fault = self._fault("429", path)
            if fault or not fits:
                seconds = f"{float(fault.args.get('seconds', '2')):.1f}" if fault else "2.0"
                return Reply({"errors": TOO_MANY}, 429, header | {"Retry-After": seconds})
            reply = handle(call, request.method, path, dict(request.query), body, self._base(request))
            return Reply(reply.body, reply.status, {**header, **reply.headers})

        return await self._serve(request, path, text, work)

    def _base(self, request: web.Request) -> str:
        version = request.match_info["version"]
        return f"{self._world.base}/shops/shopify/{request.match_info['shop']}/admin/api/{version}"

    async def settle(self) -> None:
        """No write that comes late is still on its way."""
        while self._late:
            await asyncio.gather(*self._late)

    async def close(self) -> None:
        for task in list(self._late):
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    def _fault(self, kind: str, where: str) -> Fault | None:
        return self._world.faults.take("shopify", kind, where)

    async def _serve(
        self, request: web.Request, where: str, asked: str, work: Callable[[Call], Reply]
    ) -> web.StreamResponse:
        started = time.perf_counter()
        cut = self._fault("reset", where) is not None
        reply = Reply("", 502) if cut else await self._faulty_transport(where)
        if reply is None and (late := self._fault("late_write", where)):
            self._postpone(request, float(late.args.get("seconds", "0.3")), work)
            reply, cut = Reply("", 502), True
        if reply is None:
            reply = self._done(request, work)
            cut = self._fault("lost_answer", where) is not None
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body, ensure_ascii=False)
        if not cut and self._fault("truncated", where):
            text = text[: len(text) // 2]
        self._record(request, where, asked, 0 if cut else reply.status, text, time.perf_counter() - started)
        if cut and request.transport is not None:
            request.transport.abort()
        return web.Response(
            status=reply.status,
            body=text.encode(),
            content_type="text/html" if text.startswith("<html") else "application/json",
            headers={**self._headers(request), **reply.headers},
        )

    def _headers(self, request: web.Request) -> dict[str, str]:
        return {
            "Date": format_datetime(self._world.clock.now(), usegmt=True),
            "X-Request-Id": secrets.token_hex(16),
            "X-Shopify-API-Version": request.match_info["version"],
        }

    async def _faulty_transport(self, where: str) -> Reply | None:
        """Faults that strike before the call reaches the service: nothing is executed."""
        if slow := self._fault("slow", where):
            await asyncio.sleep(float(slow.args.get("seconds", "3")))
        if broken := self._fault("5xx", where):
            return Reply(HTML_PAGE, int(broken.args.get("status", "502")))
        return Reply(HTML_PAGE) if self._fault("html", where) else None

    def _postpone(self, request: web.Request, seconds: float, work: Callable[[Call], Reply]) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            self._done(request, work)

        task = asyncio.get_running_loop().create_task(later())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _done(self, request: web.Request, work: Callable[[Call], Reply]) -> Reply:
        shop = self._books.shops.get(request.match_info["shop"])
        version = request.match_info["version"]
        if shop is None or not VERSION.fullmatch(version):
            return Reply({"errors": "Not Found"}, 404)
        grant = self._books.grants.get(request.headers.get("X-Shopify-Access-Token", ""))
        if grant is None or grant.shop != shop.code or self._fault("token_revoked", request.path):
            return Reply({"errors": BAD_TOKEN}, 401)
        return work(Call(self._books, grant, shop, version))

    def _record(
        self, request: web.Request, where: str, asked: str, status: int, text: str, took: float
    ) -> None:
        self._world.record_exchange(
            system="shopify",
            direction="in",
            method=request.method,
            target=f"{request.path_qs} {where}".strip(),
            request=asked,
            status=status,
            response=text if status else "(connection cut before the answer)",
            ms=round(took * 1000, 2),
        )


async def _json(request: web.Request) -> tuple[str, dict[str, Any]]:
    """The request's text and its JSON object; empty when it is none."""
    raw = await request.read()
    text = raw.decode(errors="replace")
    try:
        body = json.loads(raw or b"{}")
    except ValueError:
        return text, {}
    return text, body if isinstance(body, dict) else {}
