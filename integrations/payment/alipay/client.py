"""Signed calls to the Alipay gateway; every answer's signature is checked before it is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from domain.clock import Clock
from domain.fleet import Commons
from domain.payment import PaymentDenied, PaymentError, PaymentUnknown
from integrations.alone import commons_of
from integrations.payment import keeping, keys
from integrations.payment.alipay.errors import classify
from integrations.payment.alipay.settings import AlipaySettings
from integrations.payment.alipay.signature import answer_is_good, node_of, sign
from integrations.payment.bill_values import GMT8
from integrations.payment.calling import Line

OK = "10000"
BUSINESS_REFUSAL = "40004"


class AlipayClient:
    """One app's calls. No error of it carries a secret."""

    def __init__(
        self,
        account: str,
        settings: AlipaySettings,
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
        self.alipay_key = keys.public_key(settings.alipay_public_key)
        shared = commons_of(session, clock, commons)
        self.line = Line(f"alipay/{settings.app_id}", "支付宝", shared, settings.rate_per_second)

    async def call(self, method: str, content: Mapping[str, str], *, once: bool = False) -> dict[str, Any]:
        """The answer's node. `once` is for writes: their doubt is PaymentUnknown, never repeated here."""
        return await self.line.run(lambda: self.ask(method, content), once=once)

    async def ask(self, method: str, content: Mapping[str, str]) -> dict[str, Any]:
        """One attempt, for a caller that runs several steps on the line."""
        async with self._session.post(
            self._settings.api_base,
            data=self._signed(method, content),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds),
            allow_redirects=False,  # signed words must not travel to another host
        ) as response:
            self.line.learn_time(response.headers.get("Date", ""), self._clock.now())
            status, body = response.status, await response.text("utf-8", "replace")
        if status != 200:
            raise PaymentUnknown(f"支付宝服务出错（HTTP {status}），结果未知")
        return self._read(method, body)

    def _signed(self, method: str, content: Mapping[str, str]) -> dict[str, str]:
        """Time and signature are made anew for every attempt."""
        moment = (self._clock.now() + self.line.offset).astimezone(GMT8)
        params = {
            "app_id": self._settings.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": moment.strftime("%Y-%m-%d %H:%M:%S"),
            "version": "1.0",
            "biz_content": json.dumps(content, ensure_ascii=False, separators=(",", ":")),
        }
        if self._settings.app_cert_sn:
            params["app_cert_sn"] = self._settings.app_cert_sn
            params["alipay_root_cert_sn"] = self._settings.alipay_root_cert_sn
        return params | {"sign": sign(params, self._key)}

    def _read(self, method: str, body: str) -> dict[str, Any]:
        found = node_of(body, method)
        if found is None:
            raise PaymentUnknown("支付宝的应答不完整或看不懂，结果未知")
        raw, answer = found
        signature = self._signature(body)
        if signature and not answer_is_good(raw, signature, self.alipay_key):
            raise self._forged("签名不对")
        code = str(answer.get("code") or "")
        if not signature and code in (OK, BUSINESS_REFUSAL):
            raise self._forged("没有签名")  # only what the gateway itself refuses comes unsigned
        if code != OK:
            raise classify(answer, self._account)
        return answer

    @staticmethod
    def _signature(body: str) -> str:
        try:
            whole = json.loads(body)
        except json.JSONDecodeError as error:
            raise PaymentUnknown("支付宝的应答不完整，结果未知") from error
        return str(whole.get("sign") or "") if isinstance(whole, dict) else ""

    def _forged(self, what: str) -> PaymentDenied:
        return PaymentDenied(
            f"支付宝应答{what}，不能相信：请核对 payments.{self._account}.alipay_public_key（支付宝公钥，不是应用公钥）"
        )

    async def download(self, url: str, folder: Path) -> keeping.Received:
        """The file behind a bill's address; it lives 30 s and wants no signature."""
        timeout = aiohttp.ClientTimeout(total=self._settings.download_seconds, sock_read=60)
        async with self._session.get(url, timeout=timeout) as response:
            if response.status != 200:
                raise PaymentError(f"下载支付宝账单失败（HTTP {response.status}），稍后自动重试")
            return await keeping.receive(response, folder)
