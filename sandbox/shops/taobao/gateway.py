"""The TOP endpoint: reads a signed call, checks it in the platform's order, runs it, records the exchange."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from sandbox.faults import Fault
from sandbox.shops.taobao import quota, refunds, shipping, switches, trades
from sandbox.shops.taobao.amounts import parse_time
from sandbox.shops.taobao.books import Books
from sandbox.shops.taobao.calls import Call, Method
from sandbox.shops.taobao.errors import TopError, banned, invalid_session
from sandbox.shops.taobao.model import App
from sandbox.shops.taobao.signing import signature_is_good

TOLERANCE_MS = 10 * 60 * 1000
METHODS: dict[str, Method] = {**trades.METHODS, **refunds.METHODS, **shipping.METHODS}
HTML_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_SECRETS = ("session", "sign")


class Gateway:
    """Serves `/taobao/router/rest`."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._world = books.world
        self._request_id = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        started = time.perf_counter()
        params = {key: str(value) for key, value in request.query.items()}
        if request.method == "POST":
            params |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
        method = params.get("method", "")
        lost = self._fault("reset", method)
        response = _text(502, "", "text/plain") if lost else await self._faulty_transport(method)
        if response is None:
            response = self._answer(params, method)
            lost = self._fault("lost_answer", method)
            if lost is None and self._fault("truncated", method):
                text = response.text or ""
                response = _text(200, text[: len(text) // 2], "application/json")
        self._record(request, params, response, time.perf_counter() - started, lost=lost is not None)
        response.headers["Date"] = format_datetime(self._now(), usegmt=True)
        if lost is not None and request.transport is not None:
            request.transport.abort()
        return response

    def _now(self) -> datetime:
        """The platform's own idea of the time, which may be off from everybody else's."""
        return self._world.clock.now() + timedelta(seconds=switches.number(self._world, "clock_skew_s"))

    def _fault(self, kind: str, method: str) -> Fault | None:
        return self._world.faults.take("taobao", kind, method)

    async def _faulty_transport(self, method: str) -> web.Response | None:
        """Faults that strike before the call reaches the service: nothing is executed."""
        if slow := self._fault("slow", method):
            await asyncio.sleep(float(slow.args.get("seconds", "3")))
        if broken := self._fault("5xx", method):
            return _text(int(broken.args.get("status", "502")), HTML_PAGE, "text/html")
        if self._fault("html", method):
            return _text(200, HTML_PAGE, "text/html")
        return None

    def _answer(self, params: dict[str, str], method: str) -> web.Response:
        self._request_id += 1
        request_id = f"15r0t{self._world.clock.epoch_ms():x}{self._request_id:x}"
        try:
            body = self._execute(params, request_id)
            self._spoil(body, method)
        except TopError as error:
            body = error.body(request_id)
        return _text(200, json.dumps(body, ensure_ascii=False), "application/json")

    def _spoil(self, body: dict[str, Any], method: str) -> None:
        """A list answer with a row twice, or with a row that is no order."""
        answer = next(iter(body.values()))
        trades = answer.get("trades") if isinstance(answer, dict) else None
        rows = trades.get("trade") if isinstance(trades, dict) else None
        if not isinstance(rows, list) or not rows or "created" not in rows[0]:
            return
        if self._fault("doubled", method):
            rows.append(rows[0])
        if bad := self._fault("bad_row", method):
            rows[-1] = {
                key: value for key, value in rows[-1].items() if key != bad.args.get("field", "created")
            }

    def _execute(self, params: dict[str, str], request_id: str) -> dict[str, Any]:
        app = self._check_protocol(params)
        name = params["method"]
        self._planted_refusals(name)
        method = METHODS[name]
        shop = self._shop_of(app, params) if method.needs_session else ""
        quota.admit(self._books, app.app_key)
        answer = method.run(Call(self._books, app.app_key, shop, params)) | {"request_id": request_id}
        if params.get("simplify") == "true":
            return {key: _unwrapped(value) for key, value in answer.items()}
        return {name.removeprefix("taobao.").replace(".", "_") + "_response": answer}

    def _check_protocol(self, params: dict[str, str]) -> App:
        app = self._books.apps.get(params.get("app_key", ""))
        if app is None:
            code = 29 if params.get("app_key") else 28
            raise TopError(code, "isv.appkey-not-exists", "无效的 AppKey")
        self._check_timestamp(params.get("timestamp", ""))
        if not params.get("sign"):
            raise TopError(24, "isv.missing-signature", "缺少签名")
        if not signature_is_good(params, app.app_secret):
            raise TopError(25, "isv.invalid-signature", "签名无效")
        if params.get("v") != "2.0":
            raise TopError(33 if params.get("v") else 32, "isv.invalid-version", "版本号应为 2.0")
        if params.get("format") != "json":
            raise TopError(23, "isv.invalid-format", "format 应为 json")
        if params.get("method") not in METHODS:
            raise TopError(22 if params.get("method") else 21, "isv.invalid-method", "不存在的方法名")
        return app

    def _check_timestamp(self, text: str) -> None:
        if not text:
            raise TopError(30, "isv.missing-timestamp", "缺少时间戳")
        try:
            moment = parse_time(text)
        except ValueError as error:
            raise TopError(31, "isv.invalid-timestamp", "非法的时间戳参数") from error
        if abs(moment - self._now().timestamp() * 1000) > TOLERANCE_MS:
            raise TopError(31, "isv.invalid-timestamp", "时间戳与服务器时间相差超过 10 分钟")

    def _planted_refusals(self, method: str) -> None:
        if fault := self._fault("429", method):
            seconds = int(fault.args.get("seconds", "1"))
            raise banned(seconds, daily=seconds > 60)
        if self._fault("token_revoked", method):
            raise invalid_session()
        if fault := self._fault("isp", method):
            sub_code = fault.args.get("sub_code", "isp.remote-service-timeout")
            raise TopError(15, sub_code, "远程服务调用超时")

    def _shop_of(self, app: App, params: dict[str, str]) -> str:
        if not params.get("session"):
            raise TopError(26, "isv.missing-session", "缺少 SessionKey")
        session = self._books.sessions.get(params["session"])
        expired = session is not None and session.expires <= self._world.clock.epoch()
        if session is None or expired or session.app_key != app.app_key:
            raise invalid_session()
        return session.shop

    def _record(
        self, request: web.Request, params: dict[str, str], response: web.Response, took: float, *, lost: bool
    ) -> None:
        shown = {key: "***" if key in _SECRETS else value for key, value in params.items()}
        self._world.record_exchange(
            system="taobao",
            direction="in",
            method=request.method,
            target=f"{request.path} {params.get('method', '')}".strip(),
            request=urlencode(shown),
            status=0 if lost else response.status,
            response="(connection cut before the answer)" if lost else response.text or "",
            ms=round(took * 1000, 2),
        )


def _text(status: int, text: str, content_type: str) -> web.Response:
    return web.Response(status=status, text=text, content_type=content_type)


def _unwrapped(value: Any) -> Any:
    """`simplify=true`: `{"trade": [...]}` becomes the list itself, at every depth."""
    if isinstance(value, dict):
        inner = next(iter(value.values())) if len(value) == 1 else None
        if isinstance(inner, list):
            return [_unwrapped(row) for row in inner]
        return {key: _unwrapped(row) for key, row in value.items()}
    return value
