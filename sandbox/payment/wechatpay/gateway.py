"""WeChat Pay v3: queries, bills and their downloads (platforms.md §5.2)."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.payment.amounts import GMT8, moment
from sandbox.payment.exchange import FAULTS, Exchange
from sandbox.payment.key_pairs import pair
from sandbox.payment.ledger import Entry, Ledger
from sandbox.payment.wechatpay import bill
from sandbox.payment.wechatpay.authorization import MCHID, SERIAL, Refused, check

APP = "wxTEST0000000001"
KEY_ID = "PUB_KEY_ID_0119000000012026010500000000000001"
APIV3_KEY = "0123456789abcdef0123456789abcdef"
OPENING = 100_000  # fen in the account when a day begins
URL_SECONDS = 30
MONTHS_BACK = 93  # days, three months
SWITCHES = {
    "wechatpay.bill_hour": ("10", "the hour of the next day (GMT+8) from which a day's bill is there"),
    "wechatpay.empty_day": ("bill", "a day without trade: bill (an empty one) or none (NO_STATEMENT_EXIST)"),
}
OWN_FAULTS = {
    "creating": "400 STATEMENT_CREATING",
    "no_bill": "400 NO_STATEMENT_EXIST",
    "throttle": "429 FREQUENCY_LIMITED",
    "system_error": "500 SYSTEM_ERROR, signed: the outcome is unknown",
    "sign_test": "the answer carries a probe signature that must be refused",
    "wrong_hash": "the announced SHA-1 does not fit the bill",
}


class WechatPayGateway:
    """One merchant."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._world = ledger.world
        self._exchange = Exchange(self._world, "wechatpay")
        self._merchant = pair(self._world, "merchant")
        self._wechat = pair(self._world, "provider")
        self._downloads: dict[str, tuple[bytes, int]] = {}  # token -> content, runs out (epoch s)
        self._world.describe_switches(SWITCHES)
        self._world.describe_faults("wechatpay", FAULTS | OWN_FAULTS)

    def routes(self) -> list[web.RouteDef]:
        table: list[tuple[str, Callable[[web.Request], dict[str, Any]]]] = [
            ("/v3/bill/tradebill", self._trade_bill),
            ("/v3/bill/fundflowbill", self._fund_bill),
            ("/v3/pay/transactions/out-trade-no/{no}", self._query),
            ("/v3/refund/domestic/refunds/{no}", self._refund_query),
        ]
        return [
            *(web.get(path, self._signed(answer), allow_head=False) for path, answer in table),
            web.get("/v3/billdownload/file", self._download, allow_head=False),
        ]

    def credential(self) -> dict[str, Any]:
        return {
            "account": "wechat-main",
            "provider": "wechatpay",
            "name": "微信支付",
            "api_base": f"{self._world.base}/payment/wechatpay",
            "mchid": MCHID,
            "serial_no": SERIAL,
            "private_key": self._merchant.pems.private,
            "wechatpay_public_key_id": KEY_ID,
            "wechatpay_public_key": self._wechat.pems.public,
            "apiv3_key": APIV3_KEY,
        }

    def notice(self, event: str, opened: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        """Headers and body of a notification as WeChat Pay would send it."""
        nonce = secrets.token_hex(6)
        text = json.dumps(opened, ensure_ascii=False, separators=(",", ":")).encode()
        sealed = AESGCM(APIV3_KEY.encode()).encrypt(nonce.encode(), text, b"transaction")
        body = {
            "id": f"EV-{secrets.token_hex(8)}",
            "create_time": self._world.clock.now().astimezone(GMT8).isoformat(timespec="seconds"),
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": "支付成功",
            "resource": {
                "original_type": "transaction",
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": base64.b64encode(sealed).decode(),
                "associated_data": "transaction",
                "nonce": nonce,
            },
        }
        raw = json.dumps(body, ensure_ascii=False).encode()
        return self._signature(raw), raw

    def _signature(self, body: bytes, *, kind: str = "") -> dict[str, str]:
        timestamp, nonce = str(self._world.clock.epoch()), secrets.token_hex(16)
        text = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
        signature = (self._merchant if kind == "bad_sign" else self._wechat).sign(text)
        return {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": KEY_ID,
            "Wechatpay-Signature": f"WECHATPAY/SIGNTEST/{signature}" if kind == "sign_test" else signature,
            "Request-ID": secrets.token_hex(16),
        }

    def _signed(self, answer: Callable[[web.Request], dict[str, Any]]) -> Callable[[web.Request], Any]:
        """A handler that checks who asks and signs what it answers."""

        async def handle(request: web.Request) -> web.Response:
            what = request.match_info.route.resource.canonical if request.match_info.route.resource else ""

            async def respond() -> web.Response:
                return self._respond(request, what, answer)

            return await self._exchange.serve(request, what, request.query_string, respond)

        return handle

    def _respond(
        self, request: web.Request, what: str, answer: Callable[[web.Request], dict[str, Any]]
    ) -> web.Response:
        try:
            check(request, self._merchant, self._world.clock.epoch())
            self._planted(what)
            status, document = 200, answer(request)
        except Refused as refused:
            status, document = refused.status, {"code": refused.code, "message": str(refused)}
        body = json.dumps(document, ensure_ascii=False).encode()
        kind = next((kind for kind in ("bad_sign", "sign_test") if self._exchange.fault(kind, what)), "")
        headers = self._signature(body, kind=kind)
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)

    def _planted(self, what: str) -> None:
        if self._exchange.fault("throttle", what):
            raise Refused(429, "FREQUENCY_LIMITED", "频率超限")
        if self._exchange.fault("system_error", what):
            raise Refused(500, "SYSTEM_ERROR", "系统异常，请稍后重试")

    def _trade_bill(self, request: web.Request) -> dict[str, Any]:
        day, bill_type = self._day(request), request.query.get("bill_type", "ALL")
        if bill_type not in bill.HEADERS:
            raise Refused(400, "PARAM_ERROR", "bill_type 参数错误")
        return self._offer(request, self.bill(day, bill_type))

    def _fund_bill(self, request: web.Request) -> dict[str, Any]:
        day = self._day(request)
        if request.query.get("account_type", "BASIC") not in ("BASIC", "OPERATION", "FEES"):
            raise Refused(400, "PARAM_ERROR", "account_type 参数错误")
        return self._offer(request, bill.fund_bill(self._ledger.of_day("wechatpay", day), OPENING))

    def bill(self, day: date, bill_type: str = "ALL") -> bytes:
        """The CSV of a day."""
        entries = self._ledger.of_day("wechatpay", day)
        paid = {
            e.provider_no: e.amount
            for entry in entries
            for e in self._ledger.of_order("wechatpay", entry.order_no)
            if not e.is_refund
        }
        return bill.trade_bill(MCHID, APP, entries, paid, bill_type)

    def _day(self, request: web.Request) -> date:
        """The bill's day, when it is there."""
        try:
            day = date.fromisoformat(request.query.get("bill_date", ""))
        except ValueError as error:
            raise Refused(400, "PARAM_ERROR", "bill_date 应为 yyyy-MM-dd") from error
        now = self._world.clock.now().astimezone(GMT8)
        if day > now.date() or (now.date() - day).days > MONTHS_BACK:
            raise Refused(400, "PARAM_ERROR", "bill_date 只能是三个月内的过去日期")
        hour = int(self._world.switch("wechatpay.bill_hour", SWITCHES["wechatpay.bill_hour"][0]))
        there = now >= datetime.combine(day + timedelta(days=1), time(hour), GMT8)
        if not there or self._exchange.fault("creating", request.path):
            raise Refused(400, "STATEMENT_CREATING", "账单生成中")
        empty = self._world.switch("wechatpay.empty_day", "bill") == "none"
        if self._exchange.fault("no_bill", request.path) or (
            empty and not self._ledger.of_day("wechatpay", day)
        ):
            raise Refused(400, "NO_STATEMENT_EXIST", "账单文件不存在")
        return day

    def _offer(self, request: web.Request, content: bytes) -> dict[str, Any]:
        """An address that lives half a minute; the hash is of the unpacked bytes."""
        token = secrets.token_hex(16)
        packed = gzip.compress(content, mtime=0) if request.query.get("tar_type") == "GZIP" else content
        self._downloads[token] = (packed, self._world.clock.epoch() + URL_SECONDS)
        digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        if self._exchange.fault("wrong_hash", request.path):
            digest = hashlib.sha1(b"?", usedforsecurity=False).hexdigest()
        return {
            "hash_type": "SHA1",
            "hash_value": digest,
            "download_url": f"{self._world.base}/payment/wechatpay/v3/billdownload/file?token={token}",
        }

    async def _download(self, request: web.Request) -> web.Response:
        content, until = self._downloads.get(request.query.get("token", ""), (b"", 0))

        async def answer() -> web.Response:
            try:
                check(request, self._merchant, self._world.clock.epoch())
                if until <= self._world.clock.epoch():
                    raise Refused(403, "NO_AUTH", "下载地址已失效")
            except Refused as refused:
                return web.json_response(
                    {"code": refused.code, "message": str(refused)}, status=refused.status
                )
            cut = len(content) // 2 if self._exchange.fault("truncated", "download") else len(content)
            return web.Response(body=content[:cut], content_type="application/octet-stream")

        return await self._exchange.serve(request, "download", "token=***", answer)

    def _query(self, request: web.Request) -> dict[str, Any]:
        if request.query.get("mchid") != MCHID:
            raise Refused(400, "PARAM_ERROR", "mchid 与签名的商户号不一致")
        found = self._ledger.known_of("wechatpay", request.match_info["no"])
        paid = next((entry for entry in found if not entry.is_refund), None)
        if paid is None:
            raise Refused(404, "ORDER_NOT_EXIST", "订单不存在")
        back = any(entry.is_refund for entry in found)
        return {
            "appid": APP,
            "mchid": MCHID,
            "out_trade_no": paid.order_no,
            "transaction_id": paid.provider_no,
            "trade_type": "JSAPI",
            "trade_state": "REFUND" if back else "SUCCESS",
            "trade_state_desc": "转入退款" if back else "支付成功",
            "success_time": moment(paid.at).isoformat(timespec="seconds"),
            "amount": {"total": paid.amount, "payer_total": paid.amount, "currency": "CNY"},
        }

    def _refund_query(self, request: web.Request) -> dict[str, Any]:
        wanted = request.match_info["no"]
        found: Entry | None = next(
            (
                e
                for e in self._ledger.entries.values()
                if e.refund_no == wanted and e.provider_refund_no and e.known
            ),
            None,
        )
        if found is None:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        return {
            "refund_id": found.provider_refund_no,
            "out_refund_no": found.refund_no,
            "transaction_id": found.provider_no,
            "out_trade_no": found.order_no,
            "channel": "ORIGINAL",
            "status": "SUCCESS",
            "success_time": moment(found.at).isoformat(timespec="seconds"),
            "amount": {"refund": found.amount, "currency": "CNY"},
        }
