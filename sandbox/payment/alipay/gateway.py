"""The Alipay gateway and its bill downloads (platforms.md §5.1)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from sandbox.payment.alipay import bill
from sandbox.payment.amounts import GMT8, clock_text, yuan
from sandbox.payment.exchange import FAULTS, Exchange
from sandbox.payment.key_pairs import pair
from sandbox.payment.ledger import Entry, Ledger

APP_ID = "2021000000000001"
PID = "2088000000000002"
OPENING = 1_000_000  # fen in the account when a day begins
URL_SECONDS = 30
SWITCHES = {
    "alipay.bill_hour": ("9", "the hour of the next day (GMT+8) from which a day's bill is there"),
}
OWN_FAULTS = {
    "bill_not_exist": "isp.bill_not_exist, whatever the day",
    "busy": "code 20000, isp.unknow-error: the outcome is unknown",
    "throttle": "isv.app-call-limited (its real name is not known)",
}
Answer = dict[str, Any]


class AlipayRefusal(Exception):
    """A `code` other than 10000. `signed`: business answers are, the gateway's own refusals are not."""

    def __init__(self, code: str, msg: str, sub_code: str, sub_msg: str, *, signed: bool = True) -> None:
        super().__init__(sub_msg)
        self.answer = {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg}
        self.signed = signed


def _business(sub_code: str, sub_msg: str) -> AlipayRefusal:
    return AlipayRefusal("40004", "Business Failed", sub_code, sub_msg)


def _invalid(sub_code: str, sub_msg: str) -> AlipayRefusal:
    return AlipayRefusal("40002", "Invalid Arguments", sub_code, sub_msg, signed=False)


class AlipayGateway:
    """One app of one merchant."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._world = ledger.world
        self._exchange = Exchange(self._world, "alipay")
        self._merchant = pair(self._world, "merchant")
        self._alipay = pair(self._world, "provider")
        self._downloads: dict[str, tuple[str, date, int]] = {}  # token -> bill type, day, runs out (epoch s)
        self._world.describe_switches(SWITCHES)
        self._world.describe_faults("alipay", FAULTS | OWN_FAULTS)
        self._methods: dict[str, Callable[[Answer], Answer]] = {
            "alipay.data.dataservice.bill.downloadurl.query": self._bill_url,
            "alipay.trade.query": self._query,
            "alipay.trade.fastpay.refund.query": self._refund_query,
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/gateway.do", self._gateway),
            web.get("/downloadBillFile.resource", self._download, allow_head=False),
        ]

    def credential(self) -> dict[str, Any]:
        return {
            "account": "alipay-main",
            "provider": "alipay",
            "name": "支付宝",
            "api_base": f"{self._world.base}/payment/alipay/gateway.do",
            "app_id": APP_ID,
            "pid": PID,
            "private_key": self._merchant.pems.private,
            "alipay_public_key": self._alipay.pems.public,
        }

    def sign_notice(self, form: dict[str, str]) -> dict[str, str]:
        """A notification as the gateway would send it."""
        text = "&".join(f"{k}={form[k]}" for k in sorted(form) if form[k] and k not in ("sign", "sign_type"))
        return form | {"sign_type": "RSA2", "sign": self._alipay.sign(text.encode())}

    async def _gateway(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        params = {key: str(value) for key, value in request.query.items()} | form
        method = params.get("method", "")
        shown = urlencode({key: "***" if key == "sign" else value for key, value in params.items()})

        async def answer() -> web.Response:
            return self._answer(method, params)

        return await self._exchange.serve(request, method, shown, answer)

    def _answer(self, method: str, params: dict[str, str]) -> web.Response:
        signed = True
        try:
            content = self._checked(method, params)
            answer = {"code": "10000", "msg": "Success", **self._methods[method](content)}
        except AlipayRefusal as refusal:
            answer, signed = refusal.answer, refusal.signed
        node = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
        body = f'{{"{method.replace(".", "_") or "error"}_response":{node}'
        if signed:
            right = self._alipay.sign(node.encode())
            wrong = self._merchant.sign(node.encode())
            body += f',"sign":"{wrong if self._exchange.fault("bad_sign", method) else right}"'
        return web.Response(text=f"{body}}}", content_type="application/json", charset="utf-8")

    def _checked(self, method: str, params: dict[str, str]) -> Answer:
        """In the gateway's order: app, method, signature, then what was planted."""
        if params.get("app_id") != APP_ID:
            raise _invalid("isv.invalid-app-id", "无效的AppID参数")
        if method not in self._methods:
            raise _invalid("isv.invalid-method", "不存在的方法名")
        text = "&".join(f"{k}={params[k]}" for k in sorted(params) if params[k] and k != "sign")
        if params.get("sign_type") != "RSA2":
            raise _invalid("isv.invalid-signature-type", "无效的签名类型")
        if not self._merchant.signed(text.encode(), params.get("sign", "")):
            raise _invalid("isv.invalid-signature", "无效签名")
        self._check_time(params.get("timestamp", ""))
        if self._exchange.fault("busy", method):
            raise AlipayRefusal("20000", "Service Currently Unavailable", "isp.unknow-error", "系统繁忙")
        if self._exchange.fault("throttle", method):
            raise _invalid("isv.app-call-limited", "应用调用频率超限")
        try:
            content = json.loads(params.get("biz_content") or "{}")
        except json.JSONDecodeError as error:
            raise _invalid("isv.invalid-parameter", "biz_content 不是 JSON") from error
        return content if isinstance(content, dict) else {}

    def _check_time(self, text: str) -> None:
        try:
            datetime.strptime(f"{text}+0800", "%Y-%m-%d %H:%M:%S%z")
        except ValueError as error:
            raise _invalid("isv.invalid-timestamp", "非法的时间戳参数") from error

    def _bill_url(self, content: Answer) -> Answer:
        bill_type = str(content.get("bill_type") or "")
        if bill_type not in ("trade", "signcustomer"):
            raise _invalid("isv.invalid-parameter", "bill_type 不正确")
        try:
            day = date.fromisoformat(str(content.get("bill_date")))
        except ValueError as error:
            raise _invalid("isv.invalid-parameter", "bill_date 应为 yyyy-MM-dd") from error
        planted = self._exchange.fault("bill_not_exist", "alipay.data.dataservice.bill.downloadurl.query")
        if planted or self._world.clock.now() < self._made(day):
            raise _business("isp.bill_not_exist", "账单不存在")
        token = secrets.token_hex(16)
        self._downloads[token] = (bill_type, day, self._world.clock.epoch() + URL_SECONDS)
        query = urlencode(
            {
                "bizType": bill_type,
                "userId": PID,
                "fileType": "csv.zip",
                "bizDates": f"{day:%Y%m%d}",
                "downloadFileName": f"{PID}_{day:%Y%m%d}.csv.zip",
                "token": token,
            }
        )
        return {"bill_download_url": f"{self._world.base}/payment/alipay/downloadBillFile.resource?{query}"}

    def _made(self, day: date) -> datetime:
        """When a day's bill is there."""
        hour = int(self._world.switch("alipay.bill_hour", SWITCHES["alipay.bill_hour"][0]))
        return datetime.combine(day + timedelta(days=1), time(hour), GMT8)

    async def _download(self, request: web.Request) -> web.Response:
        bill_type, day, until = self._downloads.get(request.query.get("token", ""), ("", date.min, 0))

        async def answer() -> web.Response:
            if until <= self._world.clock.epoch():
                return web.Response(text="<html><body>下载链接已失效</body></html>", content_type="text/html")
            packed = self.bill(day, bill_type)
            if self._exchange.fault("truncated", "download"):
                packed = packed[: len(packed) // 2]
            return web.Response(body=packed, content_type="application/zip")

        return await self._exchange.serve(request, "download", request.query_string, answer)

    def bill(self, day: date, bill_type: str = "trade") -> bytes:
        """The ZIP of a day."""
        entries, made = self._ledger.of_day("alipay", day), self._made(day)
        name = f"{PID}_{day:%Y%m%d}"
        if bill_type == "signcustomer":
            fund = bill.fund_bill(PID, day, entries, made, OPENING)
            return bill.pack([(f"{name}_账务明细.csv", fund)], made)
        trade, summary = bill.trade_bill(PID, day, entries, made), bill.trade_summary(PID, entries)
        return bill.pack([(f"{name}_业务明细.csv", trade), (f"{name}_业务明细(汇总).csv", summary)], made)

    def _entries(self, content: Answer) -> list[Entry]:
        order_no, trade_no = str(content.get("out_trade_no") or ""), str(content.get("trade_no") or "")
        if not order_no and not trade_no:
            raise _invalid("isv.missing-parameter", "out_trade_no 和 trade_no 至少要有一个")
        if trade_no:
            found = [e for e in self._ledger.entries.values() if e.provider_no == trade_no and e.known]
        else:
            found = self._ledger.known_of("alipay", order_no)
        if not any(not entry.is_refund for entry in found):
            raise _business("ACQ.TRADE_NOT_EXIST", "交易不存在")
        return found

    def _query(self, content: Answer) -> Answer:
        found = self._entries(content)
        paid = next(entry for entry in found if not entry.is_refund)
        back = sum(e.amount for e in found if e.is_refund and e.provider_no == paid.provider_no)
        return {
            "trade_no": paid.provider_no,
            "out_trade_no": paid.order_no,
            "buyer_logon_id": "tes***@example.com",
            "trade_status": "TRADE_CLOSED" if back >= paid.amount else "TRADE_SUCCESS",
            "total_amount": yuan(paid.amount),
            "send_pay_date": clock_text(paid.at),
        }

    def _refund_query(self, content: Answer) -> Answer:
        wanted = str(content.get("out_request_no") or "")
        found = next((e for e in self._entries(content) if e.is_refund and e.refund_no == wanted), None)
        if found is None:
            return {}
        return {
            "trade_no": found.provider_no,
            "out_trade_no": found.order_no,
            "out_request_no": wanted,
            "refund_amount": yuan(found.amount),
            "refund_status": "REFUND_SUCCESS",
        }
