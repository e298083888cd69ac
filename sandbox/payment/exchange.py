"""What both providers share in answering: planted transport faults, the Date header, the record of the exchange."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from email.utils import format_datetime

from aiohttp import web

from sandbox.faults import Fault
from sandbox.world import World

HTML_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
FAULTS = {
    "5xx": "the gateway answers 502 (args: status); nothing is done",
    "html": "an HTML page with status 200",
    "slow": "the answer comes late (args: seconds)",
    "lost_answer": "the call is carried out, then the connection breaks",
    "bad_sign": "the answer's signature is wrong",
    "truncated": "a bill's download is cut off in the middle",
}
MAX_SHOWN = 4000  # characters of a body kept for the console


class Exchange:
    """Serves one provider's calls around `answer`."""

    def __init__(self, world: World, system: str) -> None:
        self.world = world
        self.system = system

    def fault(self, kind: str, where: str) -> Fault | None:
        return self.world.faults.take(self.system, kind, where)

    async def serve(
        self, request: web.Request, what: str, shown: str, answer: Callable[[], Awaitable[web.Response]]
    ) -> web.Response:
        """`what` names the call for faults and the record; `shown` is the request without its secrets."""
        started = time.perf_counter()
        response = await self._broken(what) or await answer()
        lost = self.fault("lost_answer", what) is not None
        self._record(request, what, shown, response, time.perf_counter() - started, lost=lost)
        response.headers["Date"] = format_datetime(self.world.clock.now(), usegmt=True)
        if lost and request.transport is not None:
            request.transport.abort()
        return response

    async def _broken(self, what: str) -> web.Response | None:
        if slow := self.fault("slow", what):
            await asyncio.sleep(float(slow.args.get("seconds", "3")))
        if broken := self.fault("5xx", what):
            status = int(broken.args.get("status", "502"))
            return web.Response(status=status, text=HTML_PAGE, content_type="text/html")
        if self.fault("html", what):
            return web.Response(text=HTML_PAGE, content_type="text/html")
        return None

    def _record(
        self, request: web.Request, what: str, shown: str, response: web.Response, took: float, *, lost: bool
    ) -> None:
        body = response.body if isinstance(response.body, bytes) else b""
        text = (
            body[:MAX_SHOWN].decode("utf-8", "replace")
            if b"\0" not in body[:MAX_SHOWN]
            else f"{len(body)} bytes"
        )
        self.world.record_exchange(
            system=self.system,
            direction="in",
            method=request.method,
            target=request.path if what in request.path else f"{request.path} {what}",
            request=shown,
            status=0 if lost else response.status,
            response="(connection cut before the answer)" if lost else text,
            ms=round(took * 1000, 2),
        )
