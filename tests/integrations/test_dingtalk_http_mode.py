"""HTTP mode end to end: the simulator pushes, the door verifies, taps find their registered address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from cards.door import Verified
from domain.chat import Message, Tap, Unhandled
from integrations.chat.dingtalk import CallbackRefused, DingTalkDoor
from tests.integrations.dingtalk_kit import CARD, LIN, ZHOU, Desk, action, desk


class Receiver:
    """What `bot` does with a push: verify, keep, answer."""

    def __init__(self) -> None:
        self.door: DingTalkDoor | None = None
        self.kept: list[Verified] = []
        self.refused: list[CallbackRefused] = []

    async def serve(self, request: web.Request) -> web.Response:
        assert self.door is not None
        body, answer = await request.read(), b"{}"
        try:
            match request.path.rpartition("/")[2]:
                case "robot":
                    verified = self.door.verify_robot(request.headers, body)
                case "card":
                    verified = self.door.verify_card(request.headers, body)
                case _:
                    verified, answer = self.door.verify_event(request.query, body)
        except CallbackRefused as refused:
            self.refused.append(refused)
            return web.Response(status=refused.status)
        self.kept.append(verified)
        return web.Response(body=answer, content_type="application/json")


@asynccontextmanager
async def http_desk(secret: str = "") -> AsyncIterator[tuple[Desk, Receiver, str]]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.serve)
    async with TestServer(app) as server:
        url = str(server.make_url("/callback/dingtalk/main"))
        changes = {"mode": "http", "card_api_secret": secret}
        async with desk(changes=changes, mode="http", callback_url=url) as at:
            receiver.door = at.door
            yield at, receiver, url


async def test_words_come_by_push() -> None:
    async with http_desk() as (at, receiver, _):
        assert at.door.capabilities.needs_public_url
        await at.kit.say(LIN, "查单 12")
        kept = receiver.kept[0]
        message = at.door.parse(kept.kind, kept.payload, kept.key)
        assert isinstance(message, Message)
        assert message.text == "查单 12"
        assert at.door.usage.messages["in:robot"] == 1


async def test_an_event_is_answered_so_that_it_does_not_come_again() -> None:
    async with http_desk() as (at, receiver, _):
        await at.kit.sim.event("", "chat_disband", '{"ChatId": "chat1"}', at.kit.app["app"])
        await at.kit.pass_time(60)
        assert len(receiver.kept) == 1
        parsed = at.door.parse("event", receiver.kept[0].payload, receiver.kept[0].key)
        assert isinstance(parsed, Unhandled)
        assert parsed.kind == "event:chat_disband"
        assert await at.kit.sim.events.check_address(at.kit.sim.tenant.app(str(at.kit.app["app"])))


async def test_a_tap_comes_to_the_registered_address_signed_with_its_secret() -> None:
    async with http_desk(secret="cardSecret") as (at, receiver, url):
        await at.door.register_card_route(f"{url}/card")
        await at.door.register_card_route(f"{url}/card")  # every start registers again
        await at.door.send_card(at.person(ZHOU), CARD, card_id="c1", attempt=1)
        answer = await at.kit.sim.tap(ZHOU, at.bot_messages(ZHOU)[0]["id"], "同意", {})
        assert (answer["ok"], receiver.refused) == (True, [])
        kept = receiver.kept[0]
        tapped = at.door.parse(kept.kind, kept.payload, kept.key)
        assert isinstance(tapped, Tap)
        assert (tapped.action, tapped.card_id, tapped.account.user_id) == (
            action("refund.approve"),
            "c1",
            ZHOU,
        )


async def test_two_taps_on_one_button_are_two() -> None:
    async with http_desk() as (at, receiver, _):
        await at.door.send_card(at.person(ZHOU), CARD, card_id="c1", attempt=1)
        message_id = at.bot_messages(ZHOU)[0]["id"]
        for _ in range(2):
            await at.kit.sim.tap(ZHOU, message_id, "为什么", {})
            at.kit.world.clock.advance(1)
        assert len({kept.key for kept in receiver.kept}) == 2


async def test_a_push_for_another_app_is_refused() -> None:
    async with http_desk() as (at, receiver, _):
        other = at.kit.sim.tenant.app(str(at.kit.app["app"]))
        other.client_secret = "somebody else's"
        await at.kit.say(LIN, "查单 12")
        assert (receiver.kept, [r.reason for r in receiver.refused]) == ([], ["wrong signature"])
