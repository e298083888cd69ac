"""How a card's data changes: shared pushes, private data, and the answer to a tap (dingtalk.md §6.3, §6.6)."""

from __future__ import annotations

from typing import Any

from sandbox.dingtalk import answers, figures, ids, templates
from sandbox.dingtalk.answers import Json
from sandbox.dingtalk.records import Card
from sandbox.dingtalk.tenant import Tenant

KEY_BYTES = 100
MAP_BYTES = 100_000
Values = dict[str, Any]


def checked(tenant: Tenant, values: Any) -> Values:
    """A cardParamMap the platform accepts: strings only (strict mode), keys and sizes in bounds."""
    if not isinstance(values, dict):
        raise answers.api("param.invalid", "cardParamMap必须是对象")
    strict = figures.enabled(tenant.world, "strict")
    limit = figures.whole(tenant.world, "card_value_bytes")
    total = 0
    for key, value in values.items():
        if strict and not isinstance(value, str):
            code = figures.text(tenant.world, "card_value_error")
            raise answers.api(code, f"cardParamMap.{key} 的值必须是字符串")
        size = len(str(value).encode())
        total += size + len(key.encode())
        if len(key.encode()) > KEY_BYTES or (limit and size > limit):
            raise answers.api("param.invalid", f"cardParamMap.{key} 过长")
    if total > MAP_BYTES:
        raise answers.api("param.invalid", "cardParamMap过大")
    return dict(values)


def public_values(tenant: Tenant, body: Json) -> Values | None:
    """`cardData.cardParamMap` of a request, None when it is not given."""
    data = body.get("cardData")
    if not isinstance(data, dict) or data.get("cardParamMap") is None:
        return None
    return checked(tenant, data["cardParamMap"])


def private_values(tenant: Tenant, body: Json, id_type: int) -> dict[str, Values]:
    """`privateData` of a request, keyed by user id whatever id type the request uses."""
    data = body.get("privateData")
    if not isinstance(data, dict):
        return {}
    found = {}
    for key, entry in data.items():
        userid = to_userid(tenant, str(key), id_type)
        values = entry.get("cardParamMap") if isinstance(entry, dict) else None
        found[userid] = checked(tenant, values or {})
    return found


def to_userid(tenant: Tenant, given: str, id_type: int) -> str:
    """The user id behind a userId (type 1) or unionId (type 2)."""
    if id_type != 2:
        found = tenant.person(given)
    else:
        found = next((p for p in tenant.world.people if ids.union_id(p.dingtalk) == given), None)
    if found is None:
        raise answers.api("param.userIdNotExist")
    return found.dingtalk


def merged(old: Values, new: Values, options: Any, option: str) -> Values:
    """By key only the named variables change; without the option the map is replaced."""
    by_key = isinstance(options, dict) and options.get(option) is True
    return {**old, **new} if by_key else dict(new)


def push(tenant: Tenant, card: Card, public: Values | None, private: dict[str, Values], options: Any) -> None:
    """A shared update: everybody sees it, and what a tap's answer showed its tapper is gone."""
    if public is not None:
        card.public = merged(card.public, public, options, "updateCardDataByKey")
        card.overlay.clear()
    for user, values in private.items():
        old = card.private.get(user, {})
        card.private[user] = merged(old, values, options, "updatePrivateDataByKey")
    remember_buttons(tenant, card)
    tenant.touch_card(card, shared=True)


def apply_answer(tenant: Tenant, card: Card, user: str, response: Any) -> str:
    """Show a tap's answer to its tapper; returns what is wrong with it, or ""."""
    if not isinstance(response, dict):
        return ""
    options = response.get("cardUpdateOptions") or response.get("cardOptions")
    try:
        public = public_values(tenant, response)
        mine = response.get("userPrivateData")
        private = (
            checked(tenant, mine["cardParamMap"])
            if isinstance(mine, dict) and "cardParamMap" in mine
            else None
        )
    except answers.Refused as refused:
        return str(refused.reply.body["message"])
    if public is not None:
        seen = card.overlay.get(user, card.public)
        card.overlay[user] = merged(seen, public, options, "updateCardDataByKey")
    if private is not None:
        old = card.private.get(user, {})
        card.private[user] = merged(old, private, options, "updatePrivateDataByKey")
    remember_buttons(tenant, card, user)
    return ""


def remember_buttons(tenant: Tenant, card: Card, user: str = "") -> None:
    """Keep every callback button ever shown, so that a late tap on an old view is still a tap."""
    people = [user] if user else ["", *card.private]
    for person in people:
        for button in templates.buttons(tenant, card, card.data(person)):
            if button.get("id"):
                card.buttons[str(button["id"])] = button
