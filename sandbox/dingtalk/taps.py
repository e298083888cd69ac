"""A person taps: card buttons, action card buttons, dtmd links (dingtalk.md §5.3, §6.4, §6.6)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.dingtalk import cardstate, figures, frames, templates, views
from sandbox.dingtalk.chat import Chat
from sandbox.dingtalk.outbound import Outbound
from sandbox.dingtalk.records import App, Card, Message, card_key
from sandbox.dingtalk.tenant import Tenant

DTMD = "dtmd://dingtalkclient/sendMessage"
FAILED_TOAST = "操作失败，请稍后重试"


class Taps:
    """What a tap does: a callback whose answer changes the tapper's view, a link, or a sentence sent."""

    def __init__(self, tenant: Tenant, outbound: Outbound, chat: Chat) -> None:
        self._tenant = tenant
        self._outbound = outbound
        self._chat = chat

    async def tap(
        self, user: str, message_id: str, action: str, inputs: dict[str, Any], *, forge: bool = False
    ) -> dict[str, Any]:
        """With `forge` exactly this action and these inputs go out, whether the client shows them or not."""
        message = self._tenant.messages.get(message_id)
        if forge and message is not None and message.type == "card" and self._tenant.person(user):
            card = self._tenant.cards[card_key(message.app, message.card)]
            return await self._callback(user, message, card, action, inputs)
        if message is None or not views.visible(self._tenant, message, user):
            raise LookupError(f"{user!r} sees no message {message_id!r}")
        if message.type == "card":
            return await self._card(user, message, action, inputs)
        return await self._link(user, message, self._url(message, action))

    def _url(self, message: Message, action: str) -> str:
        """The address behind an action card's button, or behind a link in the text."""
        for button in views.action_buttons(message):
            if action in {button["action"], button["text"], button["url"]}:
                return str(button["url"])
        if action and action in message.text:
            return action
        raise LookupError(f"message {message.id!r} has no button {action!r}")

    async def _link(self, user: str, message: Message, url: str) -> dict[str, Any]:
        """A dtmd link makes the person send its text; any other address opens a page."""
        if not url.startswith(DTMD):
            return {"ok": True, "url": url}
        text = parse_qs(urlsplit(url).query).get("content", [""])[0]
        mention = bool(message.chat) and figures.enabled(self._tenant.world, "dtmd_group_mention")
        said = await self._chat.say(user, text, message.chat, message.app, [], mention=mention)
        return {"ok": True, "said": text, **said}

    async def _card(self, user: str, message: Message, action: str, inputs: dict[str, Any]) -> dict[str, Any]:
        card = self._tenant.card(message.app, message.card)
        assert card is not None
        button, stale = self._button(card, user, action)
        if button.get("url"):
            return await self._link(user, message, str(button["url"]))
        if not button.get("request"):
            return {"ok": True, "ignored": True}
        given = button.get("params")
        params = {**(given if isinstance(given, dict) else {}), **inputs}
        if figures.enabled(self._tenant.world, "count_card_clicks"):
            self._tenant.quota.use("messages")  # a click is delivered even when the month is used up
        return {"stale": stale, **await self._callback(user, message, card, str(button["id"]), params)}

    def _button(self, card: Card, user: str, action: str) -> tuple[dict[str, Any], bool]:
        """The button, and whether the tapper's client shows an older state of the card."""
        for button in templates.buttons(self._tenant, card, card.data(user)):
            if action in {button.get("id"), button.get("text")}:
                return button, False
        if action in card.buttons:
            return card.buttons[action], True
        raise LookupError(f"card {card.out_track_id!r} has no button {action!r}")

    async def _callback(
        self, user: str, message: Message, card: Card, action: str, params: dict[str, Any]
    ) -> dict[str, Any]:
        app: App = self._tenant.app(message.app)
        data = frames.card_click(self._tenant, app, card, message, user, action, params)
        card.pending.append(user)
        self._tenant.touch_card(card)
        try:
            answered, response = await self._outbound.click(app, card, message, data)
        finally:
            card.pending.remove(user)
        problem = cardstate.apply_answer(self._tenant, card, user, response) if answered else FAILED_TOAST
        self._tenant.touch_card(card)
        return {"ok": not problem, "toast": problem, "answer": response, "message_id": message.id}
