"""The door every API call goes through: faults, token, address list, limits, raw record (wecom.md §10)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.faults import Fault
from sandbox.wecom import errors, lenient_json, switches
from sandbox.wecom.apps import App
from sandbox.wecom.counters import Counters
from sandbox.wecom.errors import Planted, WecomError
from sandbox.wecom.throttle import Tally
from sandbox.wecom.timeline import Timeline
from sandbox.wecom.tokens import Tokens
from sandbox.world import World

PER_MINUTE, PER_HOUR = 10_000, 150_000  # one corp, one cgi
TOO_MANY = 45009
UPLOAD_BYTES = 25 * 1024 * 1024
KEPT_CHARS = 20_000
SECRETS = re.compile(r"((?:access_token|corpsecret|key)=|\"access_token\":\s*\")[^&\"\s]+")


@dataclass
class Part:
    """One file of a multipart upload."""

    filename: str
    content_type: str
    data: bytes


@dataclass
class Call:
    """One API call after parsing. `app` is set once the token is known."""

    path: str
    query: Mapping[str, str]
    remote: str
    raw: bytes = b""
    body: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    warning: str = ""
    message_id: str = ""
    caller: App | None = None
    done: bool = False  # the endpoint did its work

    @property
    def app(self) -> App:
        assert self.caller is not None, "the gate admits no call without a token to an app's endpoint"
        return self.caller

    def part(self, name: str) -> Part:
        if name not in self.parts:
            raise WecomError(44001)
        return self.parts[name]

    def check_agent(self, agent_id: Any) -> None:
        """`agentid` must be a number and this token's app (§4.1)."""
        if isinstance(agent_id, bool) or not str(agent_id).isdigit():
            raise WecomError(40056)
        if int(agent_id) != self.app.agent_id:
            raise WecomError(301002)


Result = dict[str, Any] | web.StreamResponse
Endpoint = Callable[[Call], Result]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def redact(text: str) -> str:
    return SECRETS.sub(r"\1***", text)


class Gate:
    """Wraps endpoints into aiohttp handlers."""

    def __init__(self, world: World, tokens: Tokens, timeline: Timeline, counters: Counters) -> None:
        self._world = world
        self._tokens = tokens
        self._timeline = timeline
        self._counters = counters
        self._tally = Tally(world.clock)

    def open(self, method: str, path: str, endpoint: Endpoint, *, token: bool = True) -> web.RouteDef:
        """A route for `endpoint`; any other method than `method` is refused with 43001/43002."""

        async def handle(request: web.Request) -> web.StreamResponse:
            started = time.perf_counter()
            call = await _read(request)
            await self._slow(call.path)
            if self._strikes("5xx", call.path):
                response: web.StreamResponse = web.Response(status=502, text="Bad Gateway")
            else:
                response = self._answer(
                    call, endpoint, method if request.method != method else "", token=token
                )
            self._record(request, call, response, (time.perf_counter() - started) * 1000)
            if call.done and self._strikes("lost_answer", call.path) and request.transport is not None:
                request.transport.abort()
            return response

        return web.route("*", path, handle)

    def _answer(self, call: Call, endpoint: Endpoint, wanted: str, *, token: bool) -> web.StreamResponse:
        try:
            if wanted:
                raise WecomError(43001 if wanted == "GET" else 43002)
            self._admit(call, token=token)
            result = endpoint(call)
        except WecomError as error:
            if error.code == TOO_MANY and call.caller is not None and not isinstance(error, Planted):
                self._counters.add(call.app.name, "too_many")
            body = errors.payload(error, call.remote)
            body["errmsg"] = call.warning + body["errmsg"]
            return errors.answer(body)
        call.done = True
        if isinstance(result, web.StreamResponse):
            return result
        return errors.answer({"errcode": 0, "errmsg": call.warning + "ok", **result})

    def _admit(self, call: Call, *, token: bool) -> None:
        """Token first, then faults and address list, then frequency."""
        if not token:
            return
        value = call.query.get("access_token", "")
        call.caller = self._tokens.app_of(value)
        if self._strikes("token_revoked", call.path):
            self._tokens.revoke(value)
            raise WecomError(40014)
        allowed = switches.value(self._world, "ip_allowlist")
        if allowed != "off" and call.remote not in {a.strip() for a in allowed.split(",")}:
            raise WecomError(60020)
        for kind, code in (("busy", -1), ("429", TOO_MANY), ("concurrency", 45033)):
            if self._strikes(kind, call.path):
                raise Planted(code)
        minute = self._tally.admit(call.path, PER_MINUTE, 60)
        if not minute or not self._tally.admit(call.path, PER_HOUR, 3600):
            raise WecomError(TOO_MANY)
        if switches.is_on(self._world, "refuse_unicode_escapes") and re.search(
            rb"\\u[0-9a-fA-F]{4}", call.raw
        ):
            raise WecomError(40033)

    def _strikes(self, kind: str, path: str) -> Fault | None:
        """Faults are about business calls: gettoken is struck only by one planted with its path."""
        named_only = path.endswith("/gettoken")
        return self._world.faults.take("wecom", kind, path, named_only=named_only)

    async def _slow(self, path: str) -> None:
        fault = self._strikes("slow", path)
        if fault is not None:
            await asyncio.sleep(float(fault.args.get("seconds", "3")))

    def _record(self, request: web.Request, call: Call, response: web.StreamResponse, ms: float) -> None:
        text = (
            response.text
            if isinstance(response, web.Response) and not call.path.endswith("/media/get")
            else ""
        )
        exchange = self._world.record_exchange(
            system="wecom",
            direction="in",
            method=request.method,
            target=redact(request.path_qs),
            request=redact(_shown(call))[:KEPT_CHARS],
            status=response.status,
            response=redact(text or "")[:KEPT_CHARS],
            ms=ms,
            message_id=call.message_id,
        )
        if call.message_id:
            self._timeline.link(call.message_id, exchange.id)


def _shown(call: Call) -> str:
    if call.parts:
        return "\n".join(f"{n}: {p.filename} ({len(p.data)} bytes)" for n, p in call.parts.items())
    return call.raw.decode(errors="replace")


async def _read(request: web.Request) -> Call:
    # the part of the path behind the mount point, the same wherever the sandbox hangs
    path = "/cgi-bin" + request.path.partition("/cgi-bin")[2]
    call = Call(path=path, query=request.query, remote=request.remote or "")
    if request.content_type == "multipart/form-data":
        await _read_parts(request, call)
        return call
    call.raw = await request.read()
    if call.raw:
        call.body, exact = lenient_json.parse(call.raw)
        call.warning = "" if exact else "Warning: wrong json format. "
    return call


async def _read_parts(request: web.Request, call: Call) -> None:
    total = 0
    async for part in await request.multipart():
        if not isinstance(part, aiohttp.BodyPartReader):
            continue
        data = bytearray()
        while chunk := await part.read_chunk(65536):
            total += len(chunk)
            if total <= UPLOAD_BYTES:
                data += chunk
        call.parts[part.name or ""] = Part(
            filename=part.filename or "unnamed",
            content_type=part.headers.get("Content-Type", "application/octet-stream"),
            data=bytes(data),
        )
