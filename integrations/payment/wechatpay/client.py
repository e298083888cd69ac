"""Signed calls to WeChat Pay v3; an answer is believed only when its signature is good."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import orjson
from yarl import URL

from domain.clock import Clock
from domain.fleet import Commons
from domain.payment import PaymentDenied, PaymentError, PaymentUnknown
from integrations.alone import commons_of
from integrations.payment import keeping, keys
from integrations.payment.calling import Line
from integrations.payment.wechatpay.errors import classify
from integrations.payment.wechatpay.settings import WechatPaySettings
from integrations.payment.wechatpay.signature import authorization, is_signed, request_text, why_not


class WechatPayClient:
    """One merchant's calls. No error of it carries a secret."""

    def __init__(
        self,
        account: str,
        settings: WechatPaySettings,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        commons: Commons | None = None,
    ) -> None:
        """`commons`: what all processes share; without it, what the clients on this session share."""
        self._account = account
        self._settings = settings
        self._session = session
        self._clock = clock
        self._key = keys.private_key(settings.private_key)
        self._wechat_key = keys.public_key(settings.wechatpay_public_key)
        self._serials = frozenset({settings.wechatpay_public_key_id})
        shared = commons_of(session, clock, commons)
        self.line = Line(f"wechatpay/{settings.mchid}", "微信支付", shared, settings.rate_per_second)

    async def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        return await self.line.run(lambda: self.ask(path, query))

    async def ask(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """One attempt, for a caller that runs several steps on the line."""
        url = f"{self._settings.api_base.rstrip('/')}{path}?{urlencode(query)}"
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout_seconds)
        async with self._session.get(
            URL(url, encoded=True), headers=self._headers(url), timeout=timeout, allow_redirects=False
        ) as response:
            self.line.learn_time(response.headers.get("Date", ""), self._clock.now())
            status, headers, body = response.status, response.headers, await response.read()
        if 200 <= status < 300 or is_signed(headers):
            self._believe(headers, body)
        answer = _document(body)
        if not 200 <= status < 300:
            raise classify(
                status, str(answer.get("code") or ""), str(answer.get("message") or ""), self._account
            )
        if not answer:
            raise PaymentUnknown("看不懂微信支付的应答，结果未知")
        return answer

    def _headers(self, url: str) -> dict[str, str]:
        """Time, nonce and signature are made anew for every attempt; path and query are signed as they are sent."""
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        timestamp = str(int((self._clock.now() + self.line.offset).timestamp()))
        nonce = secrets.token_hex(16).upper()
        text = request_text("GET", self._signed_path(target), timestamp, nonce, "")
        return {
            "Accept": "application/json",
            "Wechatpay-Serial": self._settings.wechatpay_public_key_id,
            "Authorization": authorization(
                self._settings.mchid, self._settings.serial_no, nonce, timestamp, text, self._key
            ),
        }

    def _signed_path(self, target: str) -> str:
        """The path WeChat Pay sees: without what stands before its own /v3 in `api_base` (a proxy, the sandbox)."""
        prefix = urlsplit(self._settings.api_base).path.rstrip("/")
        return target.removeprefix(prefix)

    def _believe(self, headers: Mapping[str, str], body: bytes) -> None:
        if why := self.why_not(headers, body, (self._clock.now() + self.line.offset).timestamp()):
            raise PaymentDenied(
                f"微信支付的应答{why}，不能相信：请核对 payments.{self._account} 的 wechatpay_public_key 和它的 ID"
            )

    def why_not(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Why this was not said by WeChat Pay; empty when it was."""
        return why_not(headers, body, self._wechat_key, self._serials, now)

    async def download(self, url: str, folder: Path) -> keeping.Received:
        """A bill's file; the address is signed as it is, its answer has no signature."""
        timeout = aiohttp.ClientTimeout(total=self._settings.download_seconds, sock_read=60)
        async with self._session.get(
            URL(url, encoded=True), headers=self._headers(url), timeout=timeout, allow_redirects=False
        ) as response:
            if response.status != 200:
                answer = _document(await response.read())
                raise _download_failed(response.status, answer, self._account)
            return await keeping.receive(response, folder)


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _download_failed(status: int, answer: Mapping[str, Any], account: str) -> PaymentError:
    """An address that has run out is asked for anew."""
    if status in (400, 403, 404, 410):
        return PaymentError(f"微信支付账单的下载地址已失效（HTTP {status}），重新申请")
    return classify(status, str(answer.get("code") or ""), str(answer.get("message") or ""), account)
