"""The card API: create, deliver, update, stream, register callbacks (dingtalk.md §6.3)."""

from __future__ import annotations

from typing import Any

from sandbox.dingtalk import answers, cardspace, cardstate, templates
from sandbox.dingtalk.answers import Json, Reply
from sandbox.dingtalk.door import Call, Endpoint
from sandbox.dingtalk.records import Card
from sandbox.dingtalk.tenant import Tenant

WRITE = "Card.Instance.Write"
STREAMING = "Card.Streaming.Write"
TRACK_ID_CHARACTERS = 100
CALLBACK_TYPES = {"STREAM", "HTTP"}


def endpoints() -> list[Endpoint]:
    return [
        Endpoint("POST", "/v1.0/card/instances/createAndDeliver", _create_and_deliver, WRITE),
        Endpoint("POST", "/v1.0/card/instances/deliver", _deliver, WRITE),
        Endpoint("POST", "/v1.0/card/instances", _create, WRITE),
        Endpoint("PUT", "/v1.0/card/instances", _update, WRITE),
        Endpoint("PUT", "/v1.0/card/instances/spaces", _spaces, WRITE),
        Endpoint("PUT", "/v1.0/card/streaming", _stream, STREAMING),
        Endpoint("POST", "/v1.0/card/callbacks/register", _register, WRITE),
        Endpoint("POST", "/v1.0/card/tops/close", _close_top, WRITE),
        Endpoint("POST", "/v1.0/im/v1.0/robot/interactiveCards/send", _retired, WRITE),
        Endpoint("PUT", "/v1.0/im/robots/interactiveCards", _retired, WRITE),
        Endpoint("POST", "/v1.0/im/interactiveCards/send", _retired, WRITE),
        Endpoint("PUT", "/v1.0/im/interactiveCards", _retired, WRITE),
        Endpoint("POST", "/v1.0/im/interactiveCards/templates/send", _retired, WRITE),
    ]


def _id_type(body: Json) -> int:
    return 2 if body.get("userIdType") == 2 else 1


def _track_id(body: Json) -> str:
    found = body.get("outTrackId")
    if not found:
        raise answers.api("param.outTrackIdEmpty")
    if not isinstance(found, str) or len(found) > TRACK_ID_CHARACTERS:
        raise answers.api("param.invalid", "outTrackId无效")
    return found


def _new_card(call: Call) -> Card:
    """Check a creation and build the card; nothing is kept yet."""
    body, tenant = call.body, call.tenant
    track_id = _track_id(body)
    public = cardstate.public_values(tenant, body)
    if public is None:
        raise answers.api("param.cardPublicDataEmpty")
    templates.check(tenant, call.app, str(body.get("cardTemplateId") or ""))
    callback = str(body.get("callbackType") or "HTTP")
    if callback not in CALLBACK_TYPES:
        raise answers.api("param.invalid", "callbackType无效")
    if tenant.card(call.app.name, track_id) is not None:
        raise answers.api("param.cardAlreadyExist")
    return Card(
        out_track_id=track_id,
        app=call.app.name,
        template=str(body["cardTemplateId"]),
        callback_type=callback,
        route_key=str(body.get("callbackRouteKey") or ""),
        user_id_type=_id_type(body),
        public=public,
        private=cardstate.private_values(tenant, body, _id_type(body)),
    )


def _keep(tenant: Tenant, card: Card) -> None:
    cardstate.remember_buttons(tenant, card)
    tenant.save_card(card)


async def _create(call: Call) -> Reply:
    card = _new_card(call)
    _keep(call.tenant, card)
    return Reply({"success": True, "result": card.out_track_id})


async def _create_and_deliver(call: Call) -> Reply:
    spaces = cardspace.parse(call.body)
    card = _new_card(call)
    _keep(call.tenant, card)
    results = cardspace.deliver(call, card, spaces, card.user_id_type)
    return Reply({"success": True, "result": {"outTrackId": card.out_track_id, "deliverResults": results}})


async def _deliver(call: Call) -> Reply:
    card = _existing(call)
    spaces = cardspace.parse(call.body)
    return Reply({"success": True, "result": cardspace.deliver(call, card, spaces, _id_type(call.body))})


def _existing(call: Call) -> Card:
    card = call.tenant.card(call.app.name, _track_id(call.body))
    if card is None:
        raise answers.api("param.cardNotExist")
    return card


async def _update(call: Call) -> Reply:
    tenant, body = call.tenant, call.body
    _track_id(body)
    public = cardstate.public_values(tenant, body)
    private = cardstate.private_values(tenant, body, _id_type(body))
    if public is None and not private:
        raise answers.api("param.cardDataAndPrivateDataBothEmpty")
    card = _existing(call)
    call.message_ids.extend(card.bubbles)
    cardstate.push(tenant, card, public, private, body.get("cardUpdateOptions"))
    return Reply({"success": True, "result": True})


async def _spaces(call: Call) -> Reply:
    _existing(call)
    return Reply({"success": True, "result": True})


async def _stream(call: Call) -> Reply:
    """One frame of typewriter output into one variable."""
    body = call.body
    track_id = body.get("outTrackId")
    for name, code in (("key", "keyEmpty"), ("guid", "guidEmpty")):
        if not body.get(name):
            raise answers.api(f"param.stream.{code}")
    content: Any = body.get("content")
    if not isinstance(content, str):
        raise answers.api("param.stream.contentEmpty")
    card = call.tenant.card(call.app.name, str(track_id))
    if card is None:
        raise answers.api("param.stream.outTrackId", "card is not exist")
    key = str(body["key"])
    old = "" if body.get("isFull") else str(card.public.get(key, ""))
    call.message_ids.extend(card.bubbles)
    cardstate.push(call.tenant, card, {key: old + content}, {}, {"updateCardDataByKey": True})
    return Reply({"success": True, "result": True})


async def _register(call: Call) -> Reply:
    """An address for HTTP card callbacks, and the secret they are signed with."""
    body, app = call.body, call.app
    key, url = str(body.get("callbackRouteKey") or ""), str(body.get("callbackUrl") or "")
    if not key or not url:
        raise answers.api("param.empty")
    if key in app.card_routes and body.get("forceUpdate") is not True:
        raise answers.api("param.callbackRouteKeyExist", status=500)
    app.card_routes[key] = {"url": url, "api_secret": str(body.get("apiSecret") or "")}
    call.tenant.save_app(app)
    result = {"callbackUrl": url, "apiSecret": app.card_routes[key]["api_secret"]}
    return Reply({"success": True, "result": result})


async def _close_top(call: Call) -> Reply:
    """Take a top banner away."""
    card = call.tenant.card(call.app.name, call.query.get("outTrackId", ""))
    if card is None:
        raise answers.api("param.cardNotExist")
    for bubble in card.bubbles:
        message = call.tenant.messages[bubble]
        if message.content.get("top") and message.chat == call.query.get("openConversationId"):
            message.recalled = True
            call.tenant.touch(message)
    return Reply({"success": True})


async def _retired(call: Call) -> Reply:
    """StandardCard, TuWenCard and the old advanced cards take no apps made after 2024-12-31."""
    raise answers.api("unsupported", f"应用 {call.app.client_id} 不支持该卡片接口")
