"""One Alipay merchant account behind the domain's PaymentConnector port."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from domain.clock import Clock
from domain.money import parse_money, zero
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
from integrations.payment.alipay.bill import AlipayDialect
from integrations.payment.alipay.client import AlipayClient
from integrations.payment.alipay.errors import NoSuch
from integrations.payment.alipay.settings import AlipaySettings
from integrations.payment.alipay.signature import notice_is_good
from integrations.payment.bill_values import GMT8, Instants, instant

_TYPES = {BillKind.TRADE: "trade", BillKind.FUND: "signcustomer"}
_STATES = {"WAIT_BUYER_PAY": "unpaid", "TRADE_SUCCESS": "paid", "TRADE_FINISHED": "paid"}
SETTLE_HOURS = 3  # after its hour a bill that is not there is asked for again this long


class AlipayConnector:
    provider = "alipay"

    def __init__(
        self, account: str, name: str, settings: AlipaySettings, client: AlipayClient, clock: Clock
    ) -> None:
        self.account = account
        self.name = name
        self.merchant = settings.pid
        self._settings = settings
        self._client = client
        self._clock = clock

    async def download_bill(self, day: date, kind: BillKind, folder: Path) -> BillFile:
        """The ZIP as it came. An address lives 30 s, so a broken download asks for a new one."""
        return await self._client.line.run(lambda: self._fetch(day, kind, folder))

    async def _fetch(self, day: date, kind: BillKind, folder: Path) -> BillFile:
        content = {"bill_type": _TYPES[kind], "bill_date": day.isoformat()}
        try:
            answer = await self._client.ask("alipay.data.dataservice.bill.downloadurl.query", content)
        except NoSuch as error:
            raise self._not_there(day) from error
        received = await self._client.download(str(answer.get("bill_download_url") or ""), folder)
        return await keeping.Keeper(self.account, self.provider, day, kind).keep(received, ".zip", _whole_zip)

    def _not_there(self, day: date) -> BillNotReady:
        """One code says both "not yet" and "nothing happened": the hour tells them apart."""
        ready = datetime.combine(day + timedelta(days=1), time(self._settings.ready_hour), GMT8)
        now = self._clock.now()
        if now < ready:
            hour = f"次日 {self._settings.ready_hour} 点"
            return BillNotReady(
                f"支付宝 {day} 的账单还没有生成，{hour}后再取", retry_after=(ready - now).total_seconds()
            )
        if now < ready + timedelta(hours=SETTLE_HOURS):
            return BillNotReady(f"支付宝 {day} 的账单还没有生成，半小时后再取", retry_after=1800)
        return BillNotReady(f"支付宝没有 {day} 的账单：这一天没有交易", final=True)

    def owns_file(self, name: str, head: bytes) -> bool:  # noqa: ARG002 - told by content, people rename files
        return bill_reading.owns(AlipayDialect, head)

    def describe(self, path: Path) -> BillFacts:
        return bill_reading.describe(path, AlipayDialect())

    def parse_bill(self, path: Path) -> Iterator[BillRow]:
        return bill_reading.parse(path, AlipayDialect())

    def normalise_bill(self, path: Path, target: Path) -> BillTotals:
        return bill_reading.normalise(path, target, AlipayDialect)

    def raw_lines(self, path: Path, lines: Iterable[int]) -> dict[int, str]:
        return bill_reading.raw_lines(path, lines, AlipayDialect())

    async def query(self, order_no: str) -> PaidState:
        try:
            answer = await self._client.call("alipay.trade.query", {"out_trade_no": order_no})
        except NoSuch:
            return PaidState(order_no, "unknown", zero())
        return _paid_state(order_no, answer)

    def read_notice(self, form: Mapping[str, str]) -> PaymentNotice:
        """A notification's decoded form; PaymentDenied unless it is Alipay's and ours. Answer plain `success`."""
        if not notice_is_good(form, self._client.alipay_key):
            raise PaymentDenied("支付宝通知验签失败，已丢弃")
        if form.get("app_id") != self._settings.app_id or form.get("seller_id") not in (None, self.merchant):
            raise PaymentDenied("支付宝通知不是发给这个应用或商户的，已丢弃")
        refunded = bool(form.get("refund_fee"))
        return PaymentNotice(
            id=str(form.get("notify_id") or ""),
            order_no=str(form.get("out_trade_no") or ""),
            refund_no=str(form.get("out_biz_no") or ""),
            kind=RowKind.REFUND if refunded else RowKind.PAYMENT,
            state="refunded" if refunded else _STATES.get(str(form.get("trade_status")), "unknown"),
        )

    async def close(self) -> None:
        """Nothing is held open: the HTTP session belongs to the server."""


def _paid_state(order_no: str, answer: Mapping[str, Any]) -> PaidState:
    """TRADE_CLOSED is both "never paid" and "wholly refunded": only the latter has a time of payment."""
    status, paid_at = str(answer.get("trade_status") or ""), _moment(answer.get("send_pay_date"))
    state = _STATES.get(status, "unknown")
    if status == "TRADE_CLOSED":
        state = "refunded" if paid_at else "closed"
    amount = parse_money(str(answer.get("total_amount") or "0"))
    return PaidState(order_no, state, amount, str(answer.get("trade_no") or ""), paid_at)


def _moment(text: object) -> datetime | None:
    return instant(Instants()[str(text)]).astimezone(UTC) if text else None


def _whole_zip(path: Path) -> None:
    """Cut off on the way, or an error page instead of a file: fetch it again."""
    try:
        with zipfile.ZipFile(path) as pack:
            broken = pack.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise PaymentError("下载的支付宝账单不完整，重新下载") from error
    if broken is not None:
        raise PaymentError("下载的支付宝账单校验不符，重新下载")
