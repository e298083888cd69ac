"""The WeCom simulator put together: routes, credentials, and what people can do."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.wecom import verification
from sandbox.wecom.appchat import AppChats
from sandbox.wecom.apps import Apps
from sandbox.wecom.codes import Codes
from sandbox.wecom.counters import Counters
from sandbox.wecom.delivery import Postman
from sandbox.wecom.gate import Call, Gate
from sandbox.wecom.media import MediaLibrary
from sandbox.wecom.menu import Menus
from sandbox.wecom.passive import PassiveReplies
from sandbox.wecom.people import Client
from sandbox.wecom.recipients import Members
from sandbox.wecom.sending import Sender
from sandbox.wecom.switches import FAULTS, SWITCHES
from sandbox.wecom.timeline import Timeline
from sandbox.wecom.tokens import Tokens
from sandbox.wecom.webhook import Webhooks
from sandbox.world import Refusal, World


class WecomPlatform:
    """A `ChatPlatform`; its parts are public so that tests can look inside."""

    name = "wecom"

    def __init__(self, world: World) -> None:
        world.describe_switches(SWITCHES)
        world.describe_faults(self.name, FAULTS)
        self.world = world
        self.apps = Apps(world)
        self.tokens = Tokens(world, self.apps)
        self.timeline = Timeline(world)
        self.members = Members(world)
        self.media = MediaLibrary(world)
        self.counts = Counters(world)
        codes = Codes(world)
        self.sender = Sender(world, self.timeline, self.members, self.media, codes, self.counts)
        self.chats = AppChats(world, self.timeline, self.members, self.media, self.counts)
        self.webhooks = Webhooks(world, self.timeline, self.media)
        self.menus = Menus(self.apps)
        replies = PassiveReplies(self.timeline, self.media, self.sender.apply)
        self.postman = Postman(world, self.timeline, self.counts, replies.take)
        self._client = Client(
            world, self.apps, self.members, self.timeline, self.media, codes, self.postman, self.chats
        )
        self._gate = Gate(world, self.tokens, self.timeline, self.counts)

    def routes(self) -> list[web.RouteDef]:
        """Every endpoint of wecom.md §10 the simulator has, then 404 with a loud record."""
        door = self._gate.open
        return [
            door("GET", "/cgi-bin/gettoken", self._gettoken, token=False),
            door("GET", "/cgi-bin/getcallbackip", _own_address),
            door("GET", "/cgi-bin/get_api_domain_ip", _own_address),
            door("POST", "/cgi-bin/message/send", self.sender.send),
            door("POST", "/cgi-bin/message/update_template_card", self.sender.update),
            door("POST", "/cgi-bin/message/recall", self.sender.recall),
            door("POST", "/cgi-bin/appchat/create", self.chats.create),
            door("POST", "/cgi-bin/appchat/update", self.chats.update),
            door("GET", "/cgi-bin/appchat/get", self.chats.get),
            door("POST", "/cgi-bin/appchat/send", self.chats.send),
            door("POST", "/cgi-bin/webhook/send", self.webhooks.send, token=False),
            door("POST", "/cgi-bin/webhook/upload_media", self.webhooks.upload, token=False),
            door("POST", "/cgi-bin/media/upload", self.media.upload),
            door("GET", "/cgi-bin/media/get", self.media.download),
            door("POST", "/cgi-bin/media/uploadimg", self.media.upload_image),
            door("GET", "/cgi-bin/user/get", self.members.user_get),
            door("GET", "/cgi-bin/user/simplelist", self.members.user_simplelist),
            door("GET", "/cgi-bin/user/list", self.members.user_list),
            door("GET", "/cgi-bin/department/list", self.members.department_list),
            door("POST", "/cgi-bin/menu/create", self.menus.create),
            door("GET", "/cgi-bin/menu/get", self.menus.get),
            door("GET", "/cgi-bin/menu/delete", self.menus.delete),
            web.get("/img/{media_id}", self.media.image),
            web.route("*", "/{path:.*}", self._unknown),
        ]

    def _gettoken(self, call: Call) -> dict[str, Any]:
        query = call.query
        token, left = self.tokens.get(query.get("corpid", ""), query.get("corpsecret", ""), call.remote)
        return {"access_token": token, "expires_in": left}

    async def _unknown(self, request: web.Request) -> web.Response:
        """A path WeCom would not know, or that this simulator lacks: 404, and said aloud."""
        text = f"the WeCom simulator has no {request.method} {request.path}"
        self.world.record_exchange(
            system="wecom",
            direction="in",
            method=request.method,
            target=request.path,
            request="",
            status=404,
            response=text,
            ms=0.0,
        )
        self.world.publish({"event": "warning", "platform": "wecom", "text": text})
        return web.Response(status=404, text=text)

    def credentials(self) -> list[dict[str, Any]]:
        return [self.apps.credentials(app) for app in self.apps.by_name.values()]

    def new_app(self, options: dict[str, Any]) -> dict[str, Any]:
        """A fresh app, or with `kind: webhook` a group robot. A callback URL given here is not verified."""
        if options.get("kind") == "webhook":
            return self.webhooks.add(options)
        url = _checked_url(options["callback_url"]) if options.get("callback_url") else ""
        app = self.apps.make(options)
        if url:
            app.callback_url = url
            self.apps.save(app)
        return self.apps.credentials(app)

    async def configure(self, app: str, options: dict[str, Any]) -> dict[str, Any]:
        """Save the app's form in the admin console; a callback URL must pass URL verification first.

        `verify: false` saves it unseen, as when the bot is not up yet.
        """
        target = self.apps.get(app)
        self.apps.change(target, options)
        verdict: dict[str, Any] = {}
        if "callback_url" in options:
            url = _checked_url(options["callback_url"])
            if options.get("verify", True):
                verdict = await self._verify(app, url)
            target.callback_url = url
            self.apps.save(target)
        return {**self.apps.credentials(target), **verdict}

    async def _verify(self, app: str, url: str) -> dict[str, Any]:
        verdict = await verification.verify(self.world, self.apps.get(app), url)
        if not verdict.passed:
            rules = ", ".join(rule["rule"] for rule in verdict.failed)
            raise Refusal(
                f"callback_url: openapi回调地址请求不通过 (-30065); failed: {rules}", 400, **verdict.listing()
            )
        return verdict.listing()

    async def say(
        self, user: str, text: str, *, chat: str = "", app: str = "", attachments: list[dict[str, Any]]
    ) -> dict[str, Any]:
        return self._client.say(user, text, chat=chat, app=app, attachments=attachments)

    async def event(self, user: str, kind: str, key: str = "", app: str = "") -> dict[str, Any]:
        """A person opens the app (`enter_agent`), presses its menu (`click`) …"""
        return self._client.event(user, kind, key, app)

    async def tap(
        self, user: str, message_id: str, action: str, inputs: dict[str, Any], *, forge: bool = False
    ) -> dict[str, Any]:
        """With `forge` exactly what is asked goes out, whether the client shows it or not."""
        return self._client.tap(user, message_id, action, inputs, forge=forge)

    def messages(self, *, user: str = "", chat: str = "", after: int = 0) -> list[dict[str, Any]]:
        member = self.members.expect(user).wecom if user else ""
        return self.timeline.view(user=member, chat=chat, after=after)

    def groups(self, user: str = "") -> list[dict[str, Any]]:
        """Groups this member sees, or all."""
        return self.chats.listing(self.members.expect(user).wecom if user else "")

    def change_group(self, chat: str, wish: dict[str, Any]) -> dict[str, Any]:
        """What a person does by hand: `leave` names who goes."""
        return self.chats.leave(chat, self.members.expect(str(wish.get("leave") or "")).wecom)

    def counters(self) -> dict[str, dict[str, int]]:
        """What reached this platform, by app: accepted, dropped, updates, callbacks; too_many, calls it refused."""
        return self.counts.listing()

    async def settle(self) -> None:
        """Wait until no callback is on its way any more."""
        await self.postman.settle()

    async def close(self) -> None:
        await self.postman.close()


def _own_address(call: Call) -> dict[str, Any]:
    """This machine is where callbacks come from and where the API stands."""
    return {"ip_list": [call.remote]}


def _checked_url(url: object) -> str:
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refusal("callback_url: expected an absolute http or https URL")
    return str(url)


def build(world: World) -> WecomPlatform:
    """The simulator for this world; the caller mounts `routes()` under `/wecom`."""
    return WecomPlatform(world)
