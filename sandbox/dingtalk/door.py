"""The gate in front of every call: token, scope, rate, quota, then the endpoint (dingtalk.md §11.1 row Auth)."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.dingtalk import answers
from sandbox.dingtalk.answers import Json, Refused, Reply
from sandbox.dingtalk.records import App
from sandbox.dingtalk.redaction import redact
from sandbox.dingtalk.tenant import NAME, Tenant

TOKEN_HEADER = "x-acs-dingtalk-access-token"
MAX_RECORDED = 20_000  # characters of one recorded body


@dataclass
class Call:
    """One request on its way through the gate."""

    request: web.Request
    tenant: Tenant
    raw: str = ""
    parsed: Json | None = None  # None: the body is not a JSON object
    caller: App | None = None
    message_ids: list[str] = field(default_factory=list)  # bubbles this call made or changed

    @property
    def app(self) -> App:
        assert self.caller is not None
        return self.caller

    @property
    def body(self) -> Json:
        return self.parsed or {}

    @property
    def query(self) -> dict[str, str]:
        return dict(self.request.query)


Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True)
class Endpoint:
    """One path of the platform and what a caller needs to use it."""

    method: str
    path: str
    handler: Handler
    scope: str = ""
    metered: bool = True  # counts against the monthly calls
    token: bool = True
    multipart: bool = False

    @property
    def new(self) -> bool:
        return is_new(self.path)


def is_new(path: str) -> bool:
    return path.startswith(("/v1.0/", "/v2.0/"))


class Door:
    """Admits callers, runs endpoints, records each exchange with its secrets hidden."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._world = tenant.world

    def route(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serve(request: web.Request) -> web.Response:
            return await self.serve(endpoint, request)

        return serve

    async def serve(self, endpoint: Endpoint, request: web.Request) -> web.Response:
        started = time.perf_counter()
        call = Call(request, self._tenant)
        try:
            if not endpoint.multipart:
                call.raw = (await request.read()).decode("utf-8", "replace")
                call.parsed = _parse(call)
            if endpoint.token:
                call.caller = self._admit(endpoint, call)
            elif fault := self._world.faults.take(NAME, "5xx", endpoint.path, named_only=True):
                raise _broken(endpoint, fault.args.get("status", "500"))
            _check_body(endpoint, call)
            reply = await endpoint.handler(call)
        except Refused as refused:
            reply = refused.reply
        ms = (time.perf_counter() - started) * 1000
        self._record(call, reply, ms)
        worked = reply.status < 300 and (endpoint.token or call.message_ids)
        if worked and self._world.faults.take(NAME, "lost_answer", endpoint.path):
            _hang_up(request)
        return to_response(reply)

    def _admit(self, endpoint: Endpoint, call: Call) -> App:
        app = self._authenticate(endpoint, call)
        faults, path = self._world.faults, endpoint.path
        if faults.take(NAME, "permission", path) or (endpoint.scope and endpoint.scope not in app.scopes):
            raise _no_scope(endpoint)
        if faults.take(NAME, "429", path):
            raise _too_fast(endpoint)
        if not self._tenant.quota.within_rate(app.name, endpoint.path):
            came = self._tenant.quota.came(app.name, endpoint.path)
            self._tenant.counters.refuse(app.name, endpoint.path, came)
            raise _too_fast(endpoint)
        if faults.take(NAME, "quota", path) or (endpoint.metered and not self._tenant.quota.use("calls")):
            raise _quota_used(endpoint)
        if fault := faults.take(NAME, "5xx", path):
            raise _broken(endpoint, fault.args.get("status", "500"))
        return app

    def _authenticate(self, endpoint: Endpoint, call: Call) -> App:
        token = _token(endpoint, call)
        if not token:
            raise _token_missing(endpoint)
        app = self._tenant.app_by_token(token)
        if app is not None and self._world.faults.take(NAME, "token_revoked", endpoint.path):
            app.access_token = ""
            self._tenant.save_app(app)
            app = None
        if app is None:
            raise _token_bad(endpoint)
        return app

    def _record(self, call: Call, reply: Reply, ms: float) -> None:
        request = call.request
        shown = (
            json.dumps(reply.body, ensure_ascii=False) if reply.raw is None else f"<{len(reply.raw)} bytes>"
        )
        exchange = self._world.record_exchange(
            system=NAME,
            direction="in",
            method=request.method,
            target=redact(request.path_qs),
            request=redact(call.raw[:MAX_RECORDED]),
            status=reply.status,
            response=redact(shown[:MAX_RECORDED]),
            ms=round(ms, 3),
            message_id=call.message_ids[0] if call.message_ids else "",
        )
        self._tenant.link(exchange, call.message_ids)


def to_response(reply: Reply) -> web.Response:
    if reply.raw is not None:
        return web.Response(body=reply.raw, status=reply.status, headers={"Content-Type": reply.content_type})
    text = json.dumps(reply.body, ensure_ascii=False)
    return web.Response(body=text.encode(), status=reply.status, headers={"Content-Type": reply.content_type})


def _hang_up(request: web.Request) -> None:
    """The work is done, the answer never arrives."""
    if request.transport is not None:
        request.transport.close()


def _parse(call: Call) -> Json | None:
    if not call.raw.strip():
        return {}
    try:
        body: Any = json.loads(call.raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _check_body(endpoint: Endpoint, call: Call) -> None:
    """The new API takes JSON only; the old one says 40035."""
    if endpoint.multipart:
        return
    form = bool(call.raw) and endpoint.new and call.request.content_type != "application/json"
    if call.parsed is not None and not form:
        return
    if endpoint.new:
        raise answers.api("Missingbody", "请求body不是合法的JSON")
    raise answers.old(40035, "缺少参数 json")


def _token(endpoint: Endpoint, call: Call) -> str:
    """Header on the new API, query (or body field) on the old one; elsewhere it does not count."""
    if endpoint.new:
        return call.request.headers.get(TOKEN_HEADER, "")
    return call.request.query.get("access_token", "")


def _token_missing(endpoint: Endpoint) -> Refused:
    if endpoint.new:
        return answers.api("AuthenticationFailed.MissingParameter", f"缺少参数：{TOKEN_HEADER}")
    return answers.old_gateway("40000", "access_token is blank")


def _token_bad(endpoint: Endpoint) -> Refused:
    if endpoint.new:
        return answers.api("InvalidAuthentication", "不合法的access_token")
    return answers.old_gateway("40014", "不合法的access_token")


def _no_scope(endpoint: Endpoint) -> Refused:
    scope = endpoint.scope or "qyapi_base"
    if endpoint.new:
        return answers.api(
            "Forbidden.AccessDenied.AccessTokenPermissionDenied",
            "没有调用该接口的权限",
            403,
            accessdenieddetail={"requiredScopes": [scope]},
        )
    return answers.old_gateway("60011", f"没有调用该接口的权限，需要权限点：{scope}")


def _too_fast(endpoint: Endpoint) -> Refused:
    if endpoint.new:
        return answers.api("Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", "您的应用调用该接口qps超限", 403)
    return answers.old_gateway("90018", "调用接口qps超限")


def _quota_used(endpoint: Endpoint) -> Refused:
    if endpoint.new:
        return answers.api("Forbidden.AccessDenied.ApiCountLimitForOrg", "本月调用量已用完", 403)
    return answers.old_gateway("90020", "本月调用量已用完")


def _broken(endpoint: Endpoint, status: str) -> Refused:
    if not endpoint.new:
        return answers.old(-1, "系统繁忙")
    code = "system.busy" if status == "429" else "system.error"
    return answers.api(code, "系统繁忙，请稍后再试", int(status))
