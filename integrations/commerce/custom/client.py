"""Signed calls to the other side's order list: pace, sign, send, classify, retry, break (platforms.md §10)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import orjson
import stamina
from yarl import URL

from domain.clock import Clock
from domain.fleet import Commons
from domain.ports import (
    PermissionMissing,
    RemoteTemporary,
    Throttled,
    Window,
)
from integrations.alone import commons_of
from integrations.commerce.custom.errors import ClockSkew, by_status
from integrations.commerce.custom.pacing import Pacer
from integrations.commerce.custom.settings import CustomSettings
from integrations.commerce.custom.signature import sign
from integrations.commerce.resting import Health, Paused, Queued

ATTEMPTS = 3
RETRY_SECONDS = 20.0
SHORT_WAIT_SECONDS = 3.0  # a longer one is left to the caller
_SKEW_WORTH_MINDING = timedelta(seconds=2)  # a Date header knows whole seconds only


def _retry_pause(error: Exception) -> bool | float:
    """Whether to try again, and after how many seconds when the other side said so."""
    if isinstance(error, Queued):
        return False
    if isinstance(error, Throttled):
        seconds = error.retry_after or 1.0
        return seconds if seconds <= SHORT_WAIT_SECONDS else False
    if isinstance(error, ClockSkew):
        return 0.0  # the answer's Date header has just corrected our clock
    return isinstance(error, RemoteTemporary) and not isinstance(error, Paused)


class ContractClient:
    """Reads only: the contract has no writes, so every call may be repeated. No error carries the secret."""

    def __init__(
        self,
        shop_code: str,
        settings: CustomSettings,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        commons: Commons | None = None,
    ) -> None:
        """`commons`: what all processes share; without it, what the clients on this session share."""
        self._shop = shop_code
        self._settings = settings
        self._session = session
        self._clock = clock
        self._base = settings.api_base.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout_seconds)
        shared = commons_of(session, clock, commons)
        self._pacer = Pacer(shared, shop_code, settings.rate_per_second)
        self._health = Health(shared, shop_code, (ClockSkew,))
        self._offset = timedelta()

    async def orders(self, window: Window, *, cursor: str = "", limit: int = 0) -> Mapping[str, Any]:
        """One page of the orders changed in the window, oldest change first."""
        query = {
            "updated_after": _iso(window.start),
            "updated_before": _iso(window.end),
            "limit": str(limit or self._settings.page_size),
        }
        return await self._get(f"/orders?{urlencode(query | ({'cursor': cursor} if cursor else {}))}")

    async def order(self, number: str) -> Mapping[str, Any]:
        return await self._get(f"/orders/{quote(number, safe='')}")

    async def _get(self, path: str) -> Mapping[str, Any]:
        async for attempt in stamina.retry_context(
            on=_retry_pause, attempts=ATTEMPTS, timeout=RETRY_SECONDS, wait_initial=0.2, wait_max=3.0
        ):
            with attempt:
                return await self._guarded(path)
        raise AssertionError("the retry loop either returns or raises")

    async def _guarded(self, path: str) -> Mapping[str, Any]:
        await self._pacer.turn()
        text = f"店铺 {self._shop} 的系统连续出错，已暂停调用，半分钟后自动恢复"
        async with self._health.watching(lambda: Paused(text)):
            return await self._send(path)

    async def _send(self, path: str) -> Mapping[str, Any]:
        url = f"{self._base}{path}"
        try:
            async with self._session.get(
                URL(url, encoded=True),  # what is sent must be what was signed
                headers=self._signed(url),
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                skewed = self._learn_time(response.headers.get("Date", ""))
                retry_after = response.headers.get("Retry-After", "")
                status, body = response.status, await response.read()
        except aiohttp.ClientConnectorError as error:
            raise RemoteTemporary(
                f"连不上店铺 {self._shop} 的系统：请检查网络和 shops.{self._shop}.api_base"
            ) from error
        except TimeoutError as error:
            raise RemoteTemporary(
                f"店铺 {self._shop} 的系统 {self._settings.timeout_seconds:g} 秒没有应答"
            ) from error
        except aiohttp.ClientError as error:
            raise RemoteTemporary(f"与店铺 {self._shop} 的系统连接中断，没有收到应答") from error
        if status == 401 and skewed:
            raise ClockSkew(f"本机时间与店铺 {self._shop} 的系统相差太多：请校准服务器时间")
        return self._read(status, retry_after, body)

    def _signed(self, url: str) -> dict[str, str]:
        """Timestamp and signature are made anew for every attempt."""
        timestamp = str(int((self._clock.now() + self._offset).timestamp()))
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return {
            "X-Timestamp": timestamp,
            "X-Signature": sign(self._settings.secret, timestamp, path.encode()),
            "Accept": "application/json",
        }

    def _learn_time(self, header: str) -> bool:
        """Sign with their time when ours is off; whether that is news."""
        try:
            theirs = parsedate_to_datetime(header)
        except ValueError:
            return False
        before, offset = self._offset, theirs - self._clock.now()
        self._offset = offset if abs(offset) > _SKEW_WORTH_MINDING else timedelta()
        return abs(self._offset - before) > _SKEW_WORTH_MINDING

    def _read(self, status: int, retry_after: str, body: bytes) -> Mapping[str, Any]:
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            if status == 404:
                raise PermissionMissing(
                    f"店铺 {self._shop} 的系统没有这个地址：请核对 shops.{self._shop}.api_base"
                ) from error
            if refusal := by_status(status, retry_after, "", self._shop):
                raise refusal from error
            raise RemoteTemporary(f"店铺 {self._shop} 的应答不完整或不是 JSON") from error
        answer = answer if isinstance(answer, dict) else {}
        if refusal := by_status(status, retry_after, str(answer.get("error") or ""), self._shop):
            raise refusal
        return answer


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
