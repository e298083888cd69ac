"""Event subscription: Stream frames, encrypted HTTP pushes with retries, the failed list (dingtalk.md §3)."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from sandbox.dingtalk import answers, figures, frames, ids
from sandbox.dingtalk.answers import Json, Reply
from sandbox.dingtalk.courier import Delivery
from sandbox.dingtalk.door import Call, Endpoint
from sandbox.dingtalk.outbound import Outbound
from sandbox.dingtalk.pusher import Pusher
from sandbox.dingtalk.records import App
from sandbox.dingtalk.tenant import Tenant
from sandbox.dingtalk.timers import Timers

FAILED_KIND = "dingtalk.failed_event"
MAX_FAILED = 200
RETRIES = ("event_first_retry_seconds", "event_second_retry_seconds")
SCOPE = "qyapi_base"


class Events:
    """Sends events the way the app subscribed, and serves the registration calls of the old API."""

    def __init__(self, tenant: Tenant, timers: Timers, outbound: Outbound, pusher: Pusher) -> None:
        self._tenant = tenant
        self._world = tenant.world
        self._timers = timers
        self._outbound = outbound
        self._pusher = pusher

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("POST", "/call_back/register_call_back", self._register, SCOPE),
            Endpoint("POST", "/call_back/update_call_back", self._update, SCOPE),
            Endpoint("GET", "/call_back/get_call_back", self._show, SCOPE),
            Endpoint("GET", "/call_back/delete_call_back", self._delete, SCOPE),
            Endpoint("GET", "/call_back/get_call_back_failed_result", self._failed, SCOPE),
        ]

    async def send(self, app: App, kind: str, fields: Json) -> dict[str, Any]:
        """One event; contact events are free, the others need a message of the month."""
        event_id = ids.frame_id()
        if kind not in frames.CONTACT_EVENTS and not self._tenant.quota.use("messages"):
            return {"event_id": event_id, "delivery": "quota_used"}
        if app.mode == "http" or app.event_route:
            push = partial(self._push, app, kind, self._flat(kind, fields, event_id), 0)
            await self._outbound.shape(app.name, push, push)
            return {"event_id": event_id, "delivery": "http"}
        headers = {
            "eventType": kind,
            "eventId": event_id,
            "eventCorpId": self._tenant.corp_id,
            "eventBornTime": str(self._world.clock.epoch_ms()),
            "eventUnifiedAppId": app.client_id,
        }
        delivery = Delivery(app.name, "EVENT", frames.EVENT_TOPIC, frames.dumps(fields), headers=headers)
        await self._outbound.event(delivery)
        return {"event_id": event_id, "delivery": "stream"}

    async def check_address(self, app: App) -> bool:
        """What saving the address in the console does: push check_url, expect `success`."""
        return await self._pusher.event(app, frames.dumps({"EventType": "check_url"}))

    def _flat(self, kind: str, fields: Json, event_id: str) -> Json:
        now = str(self._world.clock.epoch_ms())
        return {
            "EventType": kind,
            **fields,
            "CorpId": self._tenant.corp_id,
            "TimeStamp": now,
            "eventId": event_id,
        }

    async def _push(self, app: App, kind: str, flat: Json, attempt: int) -> None:
        """Retries 10 s and 30 s after the attempt before, then the failed list."""
        if await self._pusher.event(app, frames.dumps(flat)):
            return
        if attempt < len(RETRIES):
            again = partial(self._push, app, kind, flat, attempt + 1)
            self._timers.after(figures.number(self._world, RETRIES[attempt]), again)
            return
        self._keep_failed(app, kind, flat)

    def _keep_failed(self, app: App, kind: str, flat: Json) -> None:
        part = "bpmsCallBackData" if kind.startswith("bpms_") else kind
        now = self._world.clock.epoch_ms()
        entry = {"event_time": now, "call_back_tag": kind, "corpid": self._tenant.corp_id, part: flat}
        self._tenant.store.put(FAILED_KIND, str(flat["eventId"]), {"app": app.name, "entry": entry})

    async def _failed(self, call: Call) -> Reply:
        """At most 200 entries, listed some minutes later; reading clears them."""
        ready = call.tenant.world.clock.epoch_ms()
        ready -= int(figures.number(self._world, "failed_list_delay_seconds") * 1000)
        mine = [
            (key, doc["entry"])
            for key, doc in self._tenant.store.all(FAILED_KIND)
            if doc["app"] == call.app.name
        ]
        listed = [(key, entry) for key, entry in mine if entry["event_time"] <= ready]
        if figures.enabled(self._world, "failed_list_clears"):
            for key, _ in listed[:MAX_FAILED]:
                self._tenant.store.delete(FAILED_KIND, key)
        return Reply(
            {
                "errcode": 0,
                "errmsg": "ok",
                "has_more": len(listed) > MAX_FAILED,
                "failed_list": [entry for _, entry in listed[:MAX_FAILED]],
            }
        )

    async def _register(self, call: Call) -> Reply:
        if call.app.event_route:
            raise answers.old(71006, "回调地址已经存在")
        return await self._save(call)

    async def _update(self, call: Call) -> Reply:
        if not call.app.event_route:
            raise answers.old(71007, "回调地址不存在")
        return await self._save(call)

    async def _save(self, call: Call) -> Reply:
        """The address is kept only if it answers check_url."""
        fields = {name: call.body.get(name) for name in ("call_back_tag", "token", "aes_key", "url")}
        if not all(fields.values()) or len(str(fields["aes_key"])) != 43:
            raise answers.old(400002, "参数错误")
        before, call.app.event_route = call.app.event_route, fields
        if not await self.check_address(call.app):
            call.app.event_route = before
            raise answers.old(71012, "url地址访问异常")
        self._tenant.save_app(call.app)
        return answers.old_ok()

    async def _show(self, call: Call) -> Reply:
        route = call.app.event_route
        if not route:
            raise answers.old(71007, "回调地址不存在")
        return answers.old_ok(**route)

    async def _delete(self, call: Call) -> Reply:
        if not call.app.event_route:
            raise answers.old(71007, "回调地址不存在")
        call.app.event_route = {}
        self._tenant.save_app(call.app)
        return answers.old_ok()


def fields_of(text: str) -> Json:
    """Event fields given as JSON text; empty text means none."""
    parsed: Any = json.loads(text) if text.strip() else {}
    if not isinstance(parsed, dict):
        raise ValueError("event data must be a JSON object")
    return parsed
