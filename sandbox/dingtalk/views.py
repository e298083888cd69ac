"""Messages as one person's client shows them, in the shape the console reads."""

from __future__ import annotations

from typing import Any

from sandbox.dingtalk import media, templates
from sandbox.dingtalk.records import Message
from sandbox.dingtalk.tenant import NAME, Tenant

RECALLED = "消息已撤回"


def visible(tenant: Tenant, message: Message, user: str) -> bool:
    """Whether this person sees the bubble; without a person a group bubble is seen by all."""
    if not message.chat:
        return message.user == user
    if not user:
        return True
    if message.recipients and user not in message.recipients:
        return False
    group = tenant.groups.get(message.chat)
    return group is not None and user in group.members


def listing(tenant: Tenant, user: str, chat: str, after: int) -> list[dict[str, Any]]:
    """What changed after `after`, oldest change first; boxes are kept in order of change. Without person and chat:
    everybody's, each as its reader sees it."""
    found: list[Message] = []
    for box in tenant.boxes(user, chat):
        for message in reversed(box.values()):
            if message.seq <= after:
                break
            if visible(tenant, message, user or message.user):
                found.append(message)
    return [view(tenant, message, user or message.user) for message in sorted(found, key=lambda m: m.seq)]


def view(tenant: Tenant, message: Message, user: str) -> dict[str, Any]:
    shown = {
        "id": message.id,
        "seq": message.seq,
        "platform": NAME,
        "app": message.app,
        "chat": message.chat,
        "user": message.user,
        "from": message.sender,
        "at": message.at,
        "updated_at": message.updated_at,
        "type": message.type,
        "text": RECALLED if message.recalled else message.text,
        "title": message.content.get("title", ""),
        "card": None if message.recalled else _card(tenant, message, user),
        "dropped": False,
        "updates": message.updates,
        "recalled": message.recalled,
        "mentions": message.mentions,
        "delivery": message.delivery,
        "exchange_ids": list(message.exchange_ids),
    }
    return {**shown, **_file(tenant, message)}


def _file(tenant: Tenant, message: Message) -> dict[str, Any]:
    """Address and name of a picture or file."""
    reference = str(message.content.get("media", ""))
    if not reference or message.recalled:
        return {}
    found = None if reference.startswith("http") else media.find(tenant, reference)
    url = media.signed_url(tenant, found) if found else reference
    return {"url": url, "file_name": str(message.content.get("name", found.name if found else ""))}


def _card(tenant: Tenant, message: Message, user: str) -> dict[str, Any] | None:
    if message.type == "actioncard":
        return _action_card(message)
    card = tenant.card(message.app, message.card) if message.type == "card" else None
    if card is None:
        return None
    rendered = templates.render(tenant, card, user)
    return {**rendered, "out_track_id": card.out_track_id, "top": bool(message.content.get("top"))}


def action_buttons(message: Message) -> list[dict[str, Any]]:
    """An action card's buttons are addresses; `action` is their place: b1, b2 …"""
    return [
        {
            "text": button["text"],
            "action": f"b{place}",
            "style": "gray",
            "url": button["url"],
            "disabled": False,
        }
        for place, button in enumerate(message.content.get("buttons", []), start=1)
    ]


def _action_card(message: Message) -> dict[str, Any]:
    return {
        "kind": "actioncard",
        "source": "",
        "source_color": "",
        "title": message.content.get("title", ""),
        "subtitle": "",
        "fields": [],
        "body": message.text,
        "tips": "",
        "buttons": action_buttons(message),
        "menu": [],
        "select": [],
        "state": "live",
        "replace_text": "",
        "warnings": [],
        "row": bool(message.content.get("row")),
    }
