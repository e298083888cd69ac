"""Calls to the Admin GraphQL endpoint: pace, send, classify, retry, break (platforms.md §10 middleware)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
import stamina

from domain.clock import Clock
from domain.fleet import Commons
from domain.ports import RemoteTemporary, ShopError, Throttled
from integrations.alone import commons_of
from integrations.commerce.resting import Health, Paused, Queued
from integrations.commerce.shopify.errors import by_errors, by_status, in_doubt
from integrations.commerce.shopify.pacing import Pacer, read_cost
from integrations.commerce.shopify.settings import ShopifySettings

ATTEMPTS = 4
RETRY_SECONDS = 30.0
SHORT_WAIT_SECONDS = 10.0  # a full page costs 10 s of points at most; anything longer is left to the caller
_NAME = re.compile(r"\s*(?:query|mutation)\s+(\w+)")


def _retry_pause(error: Exception) -> bool | float:
    """Whether to try again, and after how many seconds when the platform said so."""
    if isinstance(error, Queued):
        return False
    if isinstance(error, Throttled):
        seconds = error.retry_after or 1.0
        return seconds if seconds <= SHORT_WAIT_SECONDS else False
    return isinstance(error, RemoteTemporary) and not isinstance(error, Paused)


def operation_name(document: str) -> str:
    found = _NAME.match(document)
    return found.group(1) if found else ""


class ShopifyClient:
    """One app's calls to one shop. No error of it carries a secret."""

    def __init__(
        self,
        shop_code: str,
        settings: ShopifySettings,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        commons: Commons | None = None,
    ) -> None:
        """`commons`: what all processes share; without it, what the clients on this session share."""
        self._shop = shop_code
        self._settings = settings
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout_seconds)
        shared = commons_of(session, clock, commons)
        self._pacer = Pacer(shared.points, settings.endpoint, settings.access_token)
        self._health = Health(shared, shop_code)

    async def query(
        self, document: str, variables: Mapping[str, Any], *, once: bool = False
    ) -> dict[str, Any]:
        """`data` of the answer.

        `once` is for writes that must not be repeated blindly: when their outcome is in doubt the error is
        RemoteUnknown, which is never retried here. A throttled write was not done and is tried again.
        """
        async for attempt in stamina.retry_context(
            on=_retry_pause, attempts=ATTEMPTS, timeout=RETRY_SECONDS, wait_initial=0.2, wait_max=3.0
        ):
            with attempt:
                return await self._guarded(document, variables, once=once)
        raise AssertionError("the retry loop either returns or raises")

    async def _guarded(self, document: str, variables: Mapping[str, Any], *, once: bool) -> dict[str, Any]:
        await self._pacer.turn(operation_name(document))
        async with self._health.watching(
            lambda: Paused("Shopify 接口连续出错，已暂停调用，半分钟后自动恢复")
        ):
            return await self._send(document, variables, once=once)

    async def _send(self, document: str, variables: Mapping[str, Any], *, once: bool) -> dict[str, Any]:
        name = operation_name(document)
        body = orjson.dumps({"query": document, "variables": dict(variables), "operationName": name})
        try:
            async with self._session.post(
                self._settings.endpoint,
                data=body,
                headers={
                    "Content-Type": "application/json",
                    "X-Shopify-Access-Token": self._settings.access_token,
                },
                timeout=self._timeout,
                allow_redirects=False,  # the token must not travel to another host
            ) as response:
                status, retry_after = response.status, response.headers.get("Retry-After", "")
                content = await response.read()
        except aiohttp.ClientConnectorError as error:
            raise RemoteTemporary("连不上 Shopify：请检查网络和 api_base") from error
        except TimeoutError as error:
            seconds = self._settings.timeout_seconds
            raise in_doubt(f"Shopify {seconds:g} 秒没有应答", once=once) from error
        except aiohttp.ClientError as error:
            raise in_doubt("与 Shopify 的连接中断，没有收到应答", once=once) from error
        refused = by_status(status, retry_after, self._shop, once=once)
        if refused is not None:
            raise refused
        return await self._read(name, content, once=once)

    async def _read(self, name: str, content: bytes, *, once: bool) -> dict[str, Any]:
        try:
            answer = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise in_doubt("Shopify 的应答不完整或不是 JSON", once=once) from error
        if not isinstance(answer, dict):
            raise in_doubt("看不懂 Shopify 的应答", once=once)
        cost = read_cost(answer)
        await self._pacer.learn(name, cost)
        if errors := answer.get("errors"):
            listed = errors if isinstance(errors, list) else [{"message": str(errors)}]
            raise self._clean(by_errors(listed, cost, self._shop, once=once))
        data = answer.get("data")
        if not isinstance(data, dict):
            raise in_doubt("看不懂 Shopify 的应答", once=once)
        return data

    def _clean(self, error: ShopError) -> ShopError:
        """A platform may repeat what it was sent: no secret may stand in an error."""
        text = str(error)
        for secret in (self._settings.access_token, self._settings.client_secret):
            text = text.replace(secret, "***") if secret else text
        error.args = (text,)
        return error
