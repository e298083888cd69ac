"""One WeChat Pay merchant account behind the domain's PaymentConnector port."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from domain.clock import Clock
from domain.money import Money, zero
from domain.payment import (
    BillFacts,
    BillFile,
    BillKind,
    BillNotReady,
    BillRow,
    BillTotals,
    PaidState,
    PaymentDenied,
    PaymentError,
    PaymentNotice,
    RowKind,
)
from integrations.payment import bill_reading, keeping
from integrations.payment.bill_values import GMT8
from integrations.payment.wechatpay.bill import WechatDialect
from integrations.payment.wechatpay.client import WechatPayClient
from integrations.payment.wechatpay.errors import NoSuch
from integrations.payment.wechatpay.settings import WechatPaySettings
from integrations.payment.wechatpay.signature import unseal

_STATES = {
    "SUCCESS": "paid",
    "NOTPAY": "unpaid",
    "USERPAYING": "unpaid",
    "PAYERROR": "unpaid",
    "CLOSED": "closed",
    "REVOKED": "closed",
    "REFUND": "refunded",
}
_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 18


class WechatPayConnector:
    provider = "wechatpay"

    def __init__(
        self, account: str, name: str, settings: WechatPaySettings, client: WechatPayClient, clock: Clock
    ) -> None:
        self.account = account
        self.name = name
        self.merchant = settings.mchid
        self._settings = settings
        self._client = client
        self._clock = clock

    async def download_bill(self, day: date, kind: BillKind, folder: Path) -> BillFile:
        """The CSV (or its gzip) as it came, checked against the SHA-1 that the signed answer gave."""
        return await self._client.line.run(lambda: self._fetch(day, kind, folder))

    async def _fetch(self, day: date, kind: BillKind, folder: Path) -> BillFile:
        path, query = self._bill_of(day, kind)
        try:
            answer = await self._client.ask(path, query)
        except BillNotReady as error:
            raise self._when(day, error) from error
        received = await self._client.download(str(answer.get("download_url") or ""), folder)
        packed = received.head.startswith(_GZIP)
        fits = _fits(str(answer.get("hash_type") or ""), str(answer.get("hash_value") or ""), packed=packed)
        keeper = keeping.Keeper(self.account, self.provider, day, kind)
        return await keeper.keep(received, ".csv.gz" if packed else ".csv", fits)

    def _bill_of(self, day: date, kind: BillKind) -> tuple[str, dict[str, str]]:
        packing = {"tar_type": "GZIP"} if self._settings.gzip else {}
        if kind is BillKind.FUND:
            query = {"bill_date": day.isoformat(), "account_type": self._settings.fund_account}
            return "/v3/bill/fundflowbill", query | packing
        return "/v3/bill/tradebill", {"bill_date": day.isoformat(), "bill_type": "ALL"} | packing

    def _when(self, day: date, error: BillNotReady) -> BillNotReady:
        """Nobody need ask before the bill's hour, whatever the answer was."""
        ready = datetime.combine(day + timedelta(days=1), time(self._settings.ready_hour), GMT8)
        wait = (ready - self._clock.now()).total_seconds()
        if wait <= 0:
            return error
        hour = f"次日 {self._settings.ready_hour} 点"
        return BillNotReady(f"微信支付 {day} 的账单还没有生成，{hour}后再取", retry_after=wait)

    def owns_file(self, name: str, head: bytes) -> bool:  # noqa: ARG002 - told by content, people rename files
        return bill_reading.owns(WechatDialect, head)

    def describe(self, path: Path) -> BillFacts:
        return bill_reading.describe(path, WechatDialect())

    def parse_bill(self, path: Path) -> Iterator[BillRow]:
        return bill_reading.parse(path, WechatDialect())

    def normalise_bill(self, path: Path, target: Path) -> BillTotals:
        return bill_reading.normalise(path, target, WechatDialect)

    def raw_lines(self, path: Path, lines: Iterable[int]) -> dict[int, str]:
        return bill_reading.raw_lines(path, lines, WechatDialect())

    async def query(self, order_no: str) -> PaidState:
        path = f"/v3/pay/transactions/out-trade-no/{quote(order_no, safe='')}"
        try:
            answer = await self._client.get(path, {"mchid": self.merchant})
        except NoSuch:
            return PaidState(order_no, "unknown", zero())
        return _paid_state(order_no, answer)

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> PaymentNotice:
        """A notification, verified and opened; PaymentDenied when it is not WeChat Pay's own.

        Answer 204 within 5 s; on PaymentDenied a 4xx with `{"code": "FAIL", "message": …}` so that it is repeated.
        """
        if why := self._client.why_not(headers, body, self._clock.now().timestamp()):
            raise PaymentDenied(f"微信支付通知{why}，已丢弃")
        try:
            notice = orjson.loads(body)
            opened = orjson.loads(unseal(notice["resource"], self._settings.apiv3_key))
        except (ValueError, KeyError, TypeError) as error:
            raise PaymentDenied("微信支付通知打不开：请核对 apiv3_key") from error
        return _notice(notice, opened)

    async def close(self) -> None:
        """Nothing is held open: the HTTP session belongs to the server."""


def _notice(notice: Mapping[str, Any], opened: Mapping[str, Any]) -> PaymentNotice:
    event = str(notice.get("event_type") or "")
    is_refund = event.startswith("REFUND.")
    state = _state(str(opened.get("trade_state") or ""))
    if is_refund:
        state = "refunded" if event == "REFUND.SUCCESS" else "unknown"
    return PaymentNotice(
        id=str(notice.get("id") or ""),
        order_no=str(opened.get("out_trade_no") or ""),
        refund_no=str(opened.get("out_refund_no") or ""),
        kind=RowKind.REFUND if is_refund else RowKind.PAYMENT,
        state=state,
    )


def _state(trade_state: str) -> str:
    """REFUND says that money went back, not how much of it: the bill's refund rows do."""
    return _STATES.get(trade_state, "unknown")


def _paid_state(order_no: str, answer: Mapping[str, Any]) -> PaidState:
    amount = answer.get("amount") or {}
    done = answer.get("success_time")
    return PaidState(
        order_no,
        _state(str(answer.get("trade_state") or "")),
        Money(int(amount.get("total") or 0), str(amount.get("currency") or "CNY")),
        str(answer.get("transaction_id") or ""),
        datetime.fromisoformat(str(done)) if done else None,
    )


def _fits(hash_type: str, hash_value: str, *, packed: bool) -> Callable[[Path], None]:
    """The hash is of the unpacked bytes. Anything else was cut or changed on the way: fetch it again."""

    def check(path: Path) -> None:
        if hash_type.upper() != "SHA1" or not hash_value:
            raise PaymentError(f"微信支付账单的校验方式“{hash_type}”不认识", final=True)
        try:
            digest = _sha1(path, packed=packed)
        except (EOFError, OSError, zlib.error) as error:
            raise PaymentError("下载的微信支付账单不完整，重新下载") from error
        if digest != hash_value.lower():
            raise PaymentError("下载的微信支付账单校验不符，重新下载")

    return check


def _sha1(path: Path, *, packed: bool) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    with gzip.open(path) if packed else path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
