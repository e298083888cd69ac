"""Where a card is delivered: open spaces, deliver models, delivery results (dingtalk.md §6.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.dingtalk import answers, cardstate, ids, templates
from sandbox.dingtalk.answers import Json, Refused
from sandbox.dingtalk.door import Call
from sandbox.dingtalk.records import Card
from sandbox.dingtalk.tenant import NAME, Tenant

PREFIX = "dtv1.card//"
MODELS = {
    "IM_GROUP": "imGroupOpenDeliverModel",
    "IM_ROBOT": "imRobotOpenDeliverModel",
    "IM_SINGLE": "imSingleOpenDeliverModel",
    "ONE_BOX": "topOpenDeliverModel",
}
FAILED = "SYSTEM_ERROR"


@dataclass
class Space:
    """One place of a delivery and what its deliver model asks for."""

    kind: str
    id: str
    model: Json
    preview: str = ""
    recipients: list[str] = field(default_factory=list)


def parse(body: Json) -> list[Space]:
    """`dtv1.card//IM_GROUP.<cid>;IM_ROBOT.<userId>` with the models that belong to the parts."""
    text = body.get("openSpaceId")
    if not text:
        raise answers.api("param.openSpaceIdEmpty")
    if not isinstance(text, str) or not text.startswith(PREFIX) or len(text) > 1000:
        raise answers.api("param.openSpaceIdInvalid")
    return [_space(part.removeprefix(PREFIX), body) for part in text.removeprefix(PREFIX).split(";")]


def _space(part: str, body: Json) -> Space:
    kind, dot, target = part.partition(".")
    kind = kind.upper()
    if not dot or not target or kind not in MODELS:
        raise answers.api("param.openSpaceIdInvalid")
    model = body.get(MODELS[kind])
    if model is None:
        raise answers.api("param.openDeliverModelEmpty")
    if not isinstance(model, dict):
        raise answers.api("param.openDeliverModelError")
    outline = body.get("imGroupOpenSpaceModel" if kind == "IM_GROUP" else "imRobotOpenSpaceModel")
    words = outline.get("lastMessageI18n") if isinstance(outline, dict) else None
    preview = str(words.get("ZH_CN", "")) if isinstance(words, dict) else ""
    return Space(kind, target, model, preview)


def deliver(call: Call, card: Card, spaces: list[Space], id_type: int) -> list[Json]:
    """Deliver to each space; a failure is an entry, not an error of the call."""
    results = []
    for space in spaces:
        problem = _problem(call, space, id_type)
        if not problem:
            _bubble(call, card, space, id_type)
        results.append(
            {
                "spaceType": space.kind,
                "spaceId": space.id,
                "success": not problem,
                "carrierId": "" if problem else ids.carrier_id(),
                "errorMsg": problem,
            }
        )
    return results


def _problem(call: Call, space: Space, id_type: int) -> str:
    if call.tenant.world.faults.take(NAME, "deliver_failed"):
        return FAILED
    code = space.model.get("robotCode")
    if code and code != call.app.robot_code:
        return "robot 不存在"
    if space.kind == "IM_ROBOT":
        return _person_problem(call, space.id, id_type)
    if space.kind == "IM_SINGLE":
        return FAILED  # person-to-person chats need a cool-app
    return _group_problem(call, space)


def _person_problem(call: Call, given: str, id_type: int) -> str:
    try:
        userid = cardstate.to_userid(call.tenant, given, id_type)
    except Refused as refused:
        return str(refused.reply.body["code"])
    return "" if call.app.sees(userid) else "param.userIdNotExist"


def _group_problem(call: Call, space: Space) -> str:
    group = call.tenant.groups.get(space.id)
    if group is None or group.disbanded:
        return "spaceId is illegal"
    return "" if call.app.name in group.robots else FAILED


def _bubble(call: Call, card: Card, space: Space, id_type: int) -> None:
    """Show the card in its chat window."""
    tenant = call.tenant
    direct = space.kind == "IM_ROBOT"
    named = [str(found) for found in space.model.get("recipients") or []]
    message = tenant.post(
        call.app,
        chat="" if direct else space.id,
        user=cardstate.to_userid(tenant, space.id, id_type) if direct else "",
        sender="bot",
        kind="card",
        text=space.preview or title(tenant, card),
        content={"top": True} if space.kind == "ONE_BOX" else {},
        card=card.out_track_id,
        recipients=[cardstate.to_userid(tenant, found, id_type) for found in named],
        mentions=list(space.model.get("atUserIds") or {}),
    )
    card.bubbles.append(message.id)
    call.message_ids.append(message.id)
    tenant.save_card(card)


def title(tenant: Tenant, card: Card) -> str:
    return str(templates.render(tenant, card, "")["title"])
