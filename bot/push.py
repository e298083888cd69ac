"""POST /push/{platform}/{shop}: a shop tells that something happened. Verified, stored, then answered."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from aiohttp import web

from bot.admission import RETRY_SECONDS, WAITING, NotAdmitted
from bot.logs import log, tracing
from domain.ports import BadSignature, Conflict, PushEvent, ShopConnector
from domain.sync_push import Heard, Hearing, hear
from storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from bot.compose import Desk

_SECONDS = 4.0  # from the arrival of a push to its answer; shops wait 5 s at the least (Shopify)
# Half of a process's connections to the database. Without a bound all pushes of an overload are begun and slow each
# other down. None is cut off in the middle: that would lose the work and its connection, and nothing would come in any
# more. One that was begun and took too long is known when it comes again.
SIDE_BY_SIDE = 8
_BEGIN_SECONDS = 2.0  # one that could not begin by then would not be through in time either
_TRIES = 5  # of one event, when its order changes at the same time


@dataclass(frozen=True)
class PushGate:
    """Takes pushes for one desk."""

    desk: Desk
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SIDE_BY_SIDE))

    async def handle(self, request: web.Request) -> web.Response:
        began = perf_counter()
        platform, code = request.match_info["platform"], request.match_info["shop"]
        shop = self.desk.shops.get(code)
        if shop is None or shop.platform != platform:
            return _error(404, f"没有店铺 {platform}/{code}")
        if shop.capabilities.push_kind == "none":
            return _error(404, f"{platform}/{code} 还不接收推送；订单由定时拉取得到")
        if self.desk.receiver.admission.reason == WAITING:  # before any work
            return self._no_room(platform)
        body = await request.read()
        try:
            events = shop.verify_push(request.headers, body, str(request.url))
        except BadSignature as error:
            return self._refuse(platform, "signature", 401, f"签名不对：{error}")
        except ValueError as error:
            return self._refuse(platform, "body", 400, f"看不懂这个推送：{error}")
        try:
            with self.desk.receiver.quiet.arrival(), self.desk.receiver.admission.seat(inbox=False):
                answer = await self._keep(shop, events, began)
        except NotAdmitted:
            return self._no_room(platform)
        self.desk.metrics.acknowledge.labels(platform).observe(perf_counter() - began)
        return answer

    def _refuse(self, platform: str, reason: str, status: int, text: str) -> web.Response:
        self.desk.metrics.refused.labels(platform, reason).inc()
        log.warning("a push was refused", platform=platform, reason=reason)
        return _error(status, text)

    def _no_room(self, platform: str) -> web.Response:
        self.desk.metrics.refused.labels(platform, WAITING).inc()
        return web.Response(status=503, headers={"Retry-After": RETRY_SECONDS})

    async def _keep(self, shop: ShopConnector, events: Sequence[PushEvent], began: float) -> web.Response:
        """Committed before the acknowledgement; `began` by `perf_counter()`. What cannot be stored in time is not
        acknowledged, and comes again."""
        ok = True
        for event in events:
            try:
                heard = await self._in_time(shop, event, began)
            except (StorageUnavailable, Conflict, TimeoutError) as error:
                self.desk.metrics.unstored.labels(shop.platform).inc()
                log.error("a push could not be stored", shop=shop.shop_code, error=repr(error))
                ok = False
                continue
            if heard is Heard.KNOWN:
                self.desk.metrics.duplicates.labels(shop.platform).inc()
        status, text, content_type = shop.push_answer(ok)
        return web.Response(status=status, body=text, headers={"Content-Type": content_type})

    async def _in_time(self, shop: ShopConnector, event: PushEvent, began: float) -> Heard:
        """Raises TimeoutError when it could not begin, or took too long; then it goes on by itself."""
        async with asyncio.timeout(began + _BEGIN_SECONDS - perf_counter()):
            await self.room.acquire()
        work = asyncio.create_task(self._hear(shop, event))
        work.add_done_callback(lambda _: self.room.release())
        async with asyncio.timeout(began + _SECONDS - perf_counter()):
            return await asyncio.shield(work)

    async def _hear(self, shop: ShopConnector, event: PushEvent) -> Heard:
        trace = secrets.token_hex(8)
        with tracing(trace):
            for attempt in range(1, _TRIES + 1):
                uow = self.desk.db.unit_of_work(trace)
                at = Hearing(shop.shop_code, shop.capabilities, self.desk.clock.now())
                heard = await hear(uow, event, at, again=attempt > 1)
                try:
                    await uow.commit()
                except Conflict:
                    if attempt == _TRIES:
                        raise
                    continue
                log.info("pushed", shop=shop.shop_code, kind=event.kind, heard=heard.value)
                return heard
        raise AssertionError("the last try returns or raises")


def push_routes(desk: Desk) -> list[web.RouteDef]:
    return [web.post("/push/{platform}/{shop}", PushGate(desk).handle)]


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)
