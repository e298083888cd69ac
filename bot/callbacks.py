"""HTTP callbacks of the chat platforms: verify, keep, answer. Nothing else happens before the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter

from aiohttp import web

from bot.admission import RETRY_SECONDS, NotAdmitted
from bot.logs import log
from bot.metrics import Metrics
from bot.receive import Receiver
from cards.door import Verified
from domain.clock import Clock
from integrations.chat.dingtalk.callback import CallbackRefused as DingTalkRefused
from integrations.chat.dingtalk.door import DingTalkDoor
from integrations.chat.wecom import callback as wecom
from integrations.chat.wecom.crypto import Envelope
from storage.errors import StorageUnavailable

# Seconds from the arrival of a callback to its answer: what the platform waits, less what the way takes. WeCom waits
# 5 s (wecom.md §2.5), DingTalk 1.5 s at the least (dingtalk.md §3), 2 s for a tap.
WECOM_SECONDS = 4.0
DINGTALK_SECONDS = 1.2


class Gate:
    """What both platforms' callbacks share: a refusal is counted and logged by its reason alone."""

    def __init__(self, receiver: Receiver, metrics: Metrics, clock: Clock) -> None:
        self.receiver = receiver
        self.metrics = metrics
        self.clock = clock

    def refuse(self, platform: str, app: str, reason: str, status: int) -> web.Response:
        self.metrics.refused.labels(platform, reason).inc()
        log.warning("callback refused", platform=platform, app=app, reason=reason)
        return web.Response(status=status)

    def closed(self, platform: str) -> web.Response | None:
        """The refusal while there is no room, before any work: a flood must cost next to nothing. Counted, not logged;
        that the bound is reached is (bot/pressure.py)."""
        reason = self.receiver.admission.reason
        if not reason:
            return None
        self.metrics.refused.labels(platform, reason).inc()
        return _not_stored()

    async def keep(self, platform: str, app: str, item: Verified, started: float, within: float) -> bool:
        """Whether it is safe on disk; when not, nothing may be acknowledged."""
        try:
            await self.receiver.receive(platform, app, item, started, within)
        except NotAdmitted:  # counted
            return False
        except StorageUnavailable as error:
            log.error("callback not stored, the platform will repeat it", platform=platform, error=str(error))
            return False
        return True


def _not_stored() -> web.Response:
    return web.Response(status=503, headers={"Retry-After": RETRY_SECONDS})


def wecom_routes(gate: Gate, apps: dict[str, Envelope]) -> Iterable[web.RouteDef]:
    """`/callback/wecom/{app}`: GET verifies the URL, POST delivers (wecom.md §2)."""

    async def verify(request: web.Request) -> web.Response:
        app = request.match_info["app"]
        if app not in apps:
            return gate.refuse("wecom", app, "unknown_app", 404)
        try:
            text = wecom.verify_url(apps[app], _raw_query(request))
        except wecom.CallbackRefused as error:
            return gate.refuse("wecom", app, error.reason, error.status)
        log.info("the callback address was verified", platform="wecom", app=app)
        return web.Response(text=text)

    async def deliver(request: web.Request) -> web.Response:
        started = perf_counter()
        app = request.match_info["app"]
        envelope = apps.get(app)
        if envelope is None:
            return gate.refuse("wecom", app, "unknown_app", 404)
        if refusal := gate.closed("wecom"):
            return refusal
        try:
            body = await request.read()
            item = wecom.verify_callback(envelope, _raw_query(request), body, gate.clock.now())
        except wecom.CallbackRefused as error:
            return gate.refuse("wecom", app, error.reason, error.status)
        except web.HTTPRequestEntityTooLarge:
            return gate.refuse("wecom", app, "body_too_large", 413)
        kept = await gate.keep("wecom", app, item, started, WECOM_SECONDS)
        return web.Response() if kept else _not_stored()

    return [
        web.get("/callback/wecom/{app}", verify, allow_head=False),
        web.post("/callback/wecom/{app}", deliver),
    ]


Check = Callable[[DingTalkDoor, web.Request, bytes], tuple[Verified, bytes]]
CHECKS: dict[str, Check] = {
    "robot": lambda door, request, body: (door.verify_robot(request.headers, body), b""),
    "card": lambda door, request, body: (door.verify_card(request.headers, body), b"{}"),
    "event": lambda door, request, body: door.verify_event(request.query, body),
}


def dingtalk_routes(gate: Gate, doors: dict[str, DingTalkDoor]) -> Iterable[web.RouteDef]:
    """`/callback/dingtalk/{app}/robot|event|card` of HTTP mode (dingtalk.md §2, §3, §6.4)."""

    async def deliver(request: web.Request) -> web.Response:
        started = perf_counter()
        app, check = request.match_info["app"], CHECKS.get(request.match_info["what"])
        door = doors.get(app)
        if door is None or check is None or not door.capabilities.needs_public_url:
            return gate.refuse("dingtalk", app, "unknown_app", 404)
        if refusal := gate.closed("dingtalk"):
            return refusal
        try:
            item, answer = check(door, request, await request.read())
        except DingTalkRefused as error:
            return gate.refuse("dingtalk", app, error.reason, error.status)
        except web.HTTPRequestEntityTooLarge:
            return gate.refuse("dingtalk", app, "body_too_large", 413)
        if not await gate.keep("dingtalk", app, item, started, DINGTALK_SECONDS):
            return _not_stored()
        return web.Response(body=answer, content_type="application/json") if answer else web.Response()

    return [web.post("/callback/dingtalk/{app}/{what}", deliver)]


def _raw_query(request: web.Request) -> str:
    """As it came: a decoded query has lost what the signature was made over."""
    return request.raw_path.partition("?")[2]
