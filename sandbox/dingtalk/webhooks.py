"""sessionWebhook and the custom group robot (dingtalk.md §5.4, §5.5)."""

from __future__ import annotations

import json
from typing import Any

from sandbox.dingtalk import answers, bodies, figures, signing
from sandbox.dingtalk.answers import Reply
from sandbox.dingtalk.bodies import Shown
from sandbox.dingtalk.door import Call, Endpoint
from sandbox.dingtalk.records import App, Message
from sandbox.dingtalk.tenant import NAME, Tenant


def post_reply(tenant: Tenant, app: App, chat: str, user: str, shown: Shown, body: dict[str, Any]) -> Message:
    """Post a webhook message into a conversation, with the people its `at` part mentions."""
    at = body.get("at") if isinstance(body.get("at"), dict) else {}
    assert isinstance(at, dict)
    return tenant.post(
        app,
        chat=chat,
        user="" if chat else user,
        sender="bot",
        kind=shown.kind,
        text=shown.text,
        content=shown.content,
        mentions=[str(found) for found in at.get("atUserIds") or []]
        + (["@ALL"] if at.get("isAtAll") else []),
    )


class Webhooks:
    """The two addresses that need no access token."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._minutes: dict[str, list[int]] = {}  # app -> epoch seconds of its custom robot's sends
        self._banned: dict[str, float] = {}  # app -> epoch seconds until which its robot is refused

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("POST", "/robot/sendBySession", self._session, token=False, metered=False),
            Endpoint("POST", "/robot/send", self._custom, token=False, metered=False),
        ]

    async def _session(self, call: Call) -> Reply:
        world = self._tenant.world
        session = self._tenant.sessions.get(call.query.get("session", ""))
        gone = session is None or session.until_ms <= world.clock.epoch_ms()
        if session is None or gone or world.faults.take(NAME, "session_expired"):
            raise answers.old(300001, "session 不存在")
        if world.faults.take(NAME, "5xx", call.request.path):
            raise answers.old(-1, "系统繁忙")
        shown = bodies.from_webhook(call.body, len(call.raw.encode()))
        if figures.enabled(world, "count_session_replies") and not self._tenant.quota.use("messages"):
            raise answers.old(90020, "本月Webhook及Stream消息用量已用完")
        app = self._tenant.app(session.app)
        message = post_reply(self._tenant, app, session.chat, session.user, shown, call.body)
        call.message_ids.append(message.id)
        return Reply({"errcode": 0, "errmsg": "ok"})

    async def _custom(self, call: Call) -> Reply:
        world = self._tenant.world
        if call.request.content_type != "application/json":
            raise answers.old(43004, "需要json请求头")
        app = self._robot_of(call.query.get("access_token", ""))
        self._check_sign(call, app)
        self._check_rate(app)
        if world.faults.take(NAME, "5xx", call.request.path):
            raise answers.old(-1, "系统繁忙")
        shown = bodies.from_webhook(call.body, len(call.raw.encode()))
        if self._repeated(app, call.body.get("msgUuid")):
            return Reply({"errcode": 0, "errmsg": "ok"})
        if not self._tenant.quota.use("messages"):
            raise answers.old(90020, "本月Webhook及Stream消息用量已用完")
        message = post_reply(self._tenant, app, app.group, "", shown, call.body)
        call.message_ids.append(message.id)
        return Reply({"errcode": 0, "errmsg": "ok"})

    def _robot_of(self, token: str) -> App:
        for app in self._tenant.apps.values():
            if token and app.custom_robot_token == token:
                return app
        raise answers.old(300005, "token is not exist")

    def _check_sign(self, call: Call, app: App) -> None:
        """The robot demands a signature; the clock may be an hour apart."""
        problem = signing.check_robot(
            app.custom_robot_secret,
            call.query.get("timestamp"),
            call.query.get("sign"),
            self._tenant.world.clock.epoch_ms(),
        )
        if problem != "ok":
            raise answers.old(310000, "invalid timestamp" if problem == "timestamp" else "sign not match")

    def _check_rate(self, app: App) -> None:
        """20 a minute, then refused for 10 minutes."""
        world = self._tenant.world
        now = world.clock.epoch()
        recent = [at for at in self._minutes.get(app.name, []) if now - at < 60]
        full = len(recent) >= figures.whole(world, "custom_robot_per_minute")
        if full:
            self._banned[app.name] = now + figures.number(world, "custom_robot_ban_seconds")
        if now < self._banned.get(app.name, 0) or world.faults.take(NAME, "429", "/robot/send"):
            raise answers.old(660026, "sending too many messages per minute")
        self._minutes[app.name] = [*recent, now]

    def _repeated(self, app: App, uuid: Any) -> bool:
        """`msgUuid` makes a send idempotent."""
        if not uuid:
            return False
        key = json.dumps([app.name, str(uuid)])
        seen = self._tenant.store.get("dingtalk.msg_uuid", key) is not None
        self._tenant.store.put("dingtalk.msg_uuid", key, {"seen": True})
        return seen
