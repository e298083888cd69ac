"""Signed calls to the TOP gateway: pace, sign, send, classify, retry, break (platforms.md §10 middleware)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson
import stamina

from domain.clock import Clock
from domain.fleet import Commons
from domain.ports import (
    RemoteTemporary,
    RemoteUnknown,
    ShopError,
    Throttled,
)
from integrations.alone import commons_of
from integrations.commerce.resting import Health, Paused, Queued
from integrations.commerce.taobao.errors import ClockSkew, classify
from integrations.commerce.taobao.formats import time_text
from integrations.commerce.taobao.pacing import Pacer
from integrations.commerce.taobao.settings import TaobaoSettings
from integrations.commerce.taobao.signature import sign

SIGN_METHOD = "hmac-sha256"
ATTEMPTS = 4
RETRY_SECONDS = 20.0
SHORT_BAN_SECONDS = 3.0  # the per-second limit bans for 1 or 2 s; anything longer is left to the caller
_SKEW_WORTH_MINDING = timedelta(seconds=2)  # a Date header knows whole seconds only


def _retry_pause(error: Exception) -> bool | float:
    """Whether to try again, and after how many seconds when the platform said so."""
    if isinstance(error, Queued):
        return False
    if isinstance(error, Throttled):
        seconds = error.retry_after or 1.0
        return seconds if seconds <= SHORT_BAN_SECONDS else False
    if isinstance(error, ClockSkew):
        return 0.0  # the answer's Date header has just corrected our clock
    return isinstance(error, RemoteTemporary) and not isinstance(error, Paused)


class TopClient:
    """One app's calls on behalf of one shop. No error of it carries a secret."""

    def __init__(
        self,
        shop_code: str,
        settings: TaobaoSettings,
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
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout_seconds)
        shared = commons_of(session, clock, commons)
        self._pacer = Pacer(shared, settings.app_key, settings.rate_per_second)
        self._health = Health(shared, shop_code, (ClockSkew,))
        self._offset = timedelta()

    async def call(self, method: str, args: Mapping[str, str], *, once: bool = False) -> dict[str, Any]:
        """The answer without its envelope.

        `once` is for writes that must not be repeated blindly: when their outcome is in doubt the error is
        RemoteUnknown, which is never retried here.
        """
        async for attempt in stamina.retry_context(
            on=_retry_pause, attempts=ATTEMPTS, timeout=RETRY_SECONDS, wait_initial=0.2, wait_max=3.0
        ):
            with attempt:
                return await self._guarded(method, args, once=once)
        raise AssertionError("the retry loop either returns or raises")

    async def _guarded(self, method: str, args: Mapping[str, str], *, once: bool) -> dict[str, Any]:
        await self._pacer.turn()
        async with self._health.watching(lambda: Paused("淘宝接口连续出错，已暂停调用，半分钟后自动恢复")):
            return await self._send(method, args, once=once)

    async def _send(self, method: str, args: Mapping[str, str], *, once: bool) -> dict[str, Any]:
        try:
            async with self._session.post(
                self._settings.api_base,
                data=self._signed(method, args),
                timeout=self._timeout,
                allow_redirects=False,  # the session must not travel to another host
            ) as response:
                self._learn_time(response.headers.get("Date", ""))
                status, body = response.status, await response.read()
        except aiohttp.ClientConnectorError as error:
            raise RemoteTemporary("连不上淘宝接口：请检查网络和 api_base") from error
        except TimeoutError as error:
            raise _in_doubt(f"淘宝 {self._settings.timeout_seconds:g} 秒没有应答", once) from error
        except aiohttp.ClientError as error:
            raise _in_doubt("与淘宝的连接中断，没有收到应答", once) from error
        return self._read(method, status, body, once=once)

    def _signed(self, method: str, args: Mapping[str, str]) -> dict[str, str]:
        """Timestamp and signature are made anew for every attempt (platforms.md §11.6)."""
        params = {
            "method": method,
            "app_key": self._settings.app_key,
            "session": self._settings.session,
            "timestamp": time_text(self._clock.now() + self._offset),
            "format": "json",
            "v": "2.0",
            "sign_method": SIGN_METHOD,
            **{name: value for name, value in args.items() if value},
        }
        return params | {"sign": sign(params, self._settings.app_secret, SIGN_METHOD)}

    def _learn_time(self, header: str) -> None:
        """Sign with the platform's time when ours is off."""
        try:
            theirs = parsedate_to_datetime(header)
        except ValueError:
            return
        offset = theirs - self._clock.now()
        self._offset = offset if abs(offset) > _SKEW_WORTH_MINDING else timedelta()

    def _read(self, method: str, status: int, body: bytes, *, once: bool) -> dict[str, Any]:
        if status == 429:
            raise Throttled("淘宝限流，1 秒后再试", 1.0)
        if status >= 500:
            raise _in_doubt(f"淘宝服务出错（HTTP {status}）", once)
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise _in_doubt("淘宝的应答不完整或不是 JSON", once) from error
        answer = answer if isinstance(answer, dict) else {}
        if isinstance(refusal := answer.get("error_response"), dict):
            raise self._refusal(refusal, method, once=once)
        content = answer.get(method.removeprefix("taobao.").replace(".", "_") + "_response")
        if not isinstance(content, dict):
            raise _in_doubt("看不懂淘宝的应答", once)
        return content

    def _refusal(self, refusal: Mapping[str, Any], method: str, *, once: bool) -> ShopError:
        error = classify(refusal, self._shop, method)
        if once and type(error) is RemoteTemporary:
            return RemoteUnknown(self._clean(str(error)))
        error.args = (self._clean(str(error)),)
        return error

    def _clean(self, text: str) -> str:
        """A platform may repeat what it was sent: no secret may stand in an error."""
        for secret in (self._settings.app_secret, self._settings.session):
            text = text.replace(secret, "***") if secret else text
        return text


def _in_doubt(message: str, once: bool) -> ShopError:
    """The far side may or may not have acted."""
    return RemoteUnknown(f"{message}，结果未知") if once else RemoteTemporary(message)
