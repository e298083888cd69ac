"""The gallery: every card the product can send, as both platforms' clients would show it. The demo serves it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from cards.model import Card
from cards.render import gallery
from integrations.chat.dingtalk.card import public_params
from integrations.chat.wecom.card import render_card, render_update
from sandbox.wecom import card_view

PAGE = "/sandbox/static/gallery.html"


def shown_cards() -> list[dict[str, Any]]:
    """`name`, and how WeCom and DingTalk show the card (the shape the console draws)."""
    return [
        {"name": sample.name, "wecom": wecom_shows(sample.card), "dingtalk": dingtalk_shows(sample.card)}
        for sample in gallery()
    ]


def wecom_shows(card: Card) -> dict[str, Any]:
    """A finished card is shown as an update makes it look: that is how people meet it."""
    draw = render_update if card.final else render_card
    return card_view.render(draw(card, "gallery", ""))


def dingtalk_shows(card: Card) -> dict[str, Any]:
    """The public template's variables as its client lays them out."""
    params = public_params(card)
    buttons = [
        {"text": button["text"], "action": button.get("id", ""), "style": button.get("color", "gray")}
        for button in json.loads(params["sys_full_json_obj"])["msgButtons"]
    ]
    return {
        "kind": "public_buttons",
        "title": params["title"],
        "body": params["markdown"],
        "tips": params["tips"],
        "buttons": buttons,
        "state": "final" if card.final else "live",
    }


def gallery_routes() -> Iterable[web.RouteDef]:
    async def page(_request: web.Request) -> web.Response:
        raise web.HTTPFound(PAGE)

    async def cards(_request: web.Request) -> web.Response:
        return web.json_response(shown_cards())

    return [web.get("/console/gallery", page), web.get("/console/gallery.json", cards)]
