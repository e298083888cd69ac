"""What goes down to the app: robot messages, card clicks, Stream frames (dingtalk.md §2.2, §4.2, §6.4)."""

from __future__ import annotations

import json
from typing import Any

from sandbox.dingtalk import contacts, figures, ids, media
from sandbox.dingtalk.answers import Json
from sandbox.dingtalk.records import App, Card, Group, Message
from sandbox.dingtalk.tenant import Tenant
from sandbox.world import Person

ROBOT_TOPIC = "/v1.0/im/bot/messages/get"
CARD_TOPIC = "/v1.0/card/instances/callback"
EVENT_TOPIC = "*"
QUOTA_CODE = "20001"
CONTACT_EVENTS = {"user_add_org", "user_modify_org", "user_leave_org", "org_dept_create", "org_dept_remove"}


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def bot_user_id(app: App) -> str:
    return ids.encrypted_id("bot", app.client_id)


def session_url(tenant: Tenant, app: App, user: str, chat: str) -> tuple[str, int]:
    session = tenant.open_session(app, user, chat)
    return f"{tenant.world.base}/dingtalk/robot/sendBySession?session={session.key}", session.until_ms


def robot_message(
    tenant: Tenant, app: App, person: Person, message: Message, group: Group | None, body: Json
) -> Json:
    """The `data` of a robot message; `body` is msgtype with text or content, or the quota error."""
    url, until = session_url(tenant, app, person.dingtalk, message.chat)
    data: Json = {
        "conversationId": group.cid if group else ids.direct_conversation_id(app.client_id, person.dingtalk),
        "conversationType": "2" if group else "1",
        "chatbotCorpId": tenant.corp_id,
        "chatbotUserId": bot_user_id(app),
        "msgId": message.id,
        "senderNick": person.name,
        "isAdmin": contacts.is_admin(person),
        "senderStaffId": person.dingtalk,
        "senderCorpId": tenant.corp_id,
        "senderId": ids.encrypted_id("user", person.dingtalk),
        "sessionWebhook": url,
        "sessionWebhookExpiredTime": until,
        "createAt": message.created_ms,
        "robotCode": app.robot_code,
        "senderPlatform": "Mac",
        **body,
    }
    if group:
        data["conversationTitle"] = group.name
        data["isInAtList"] = True
        data["atUsers"] = [{"dingtalkId": bot_user_id(app)}]
    return data


def robot_body(text: str, attached: list[media.Media]) -> Json:
    """msgtype and its part: text, one file alone, or rich text of text and pictures."""
    if not attached:
        return {"msgtype": "text", "text": {"content": text}}
    first = attached[0]
    if not text.strip() and len(attached) == 1:
        return {"msgtype": _MSGTYPES.get(first.kind, "file"), "content": _content(first)}
    parts: list[Json] = [{"text": text}] if text.strip() else []
    parts += [{"type": "picture", **_content(found)} for found in attached if found.kind == "image"]
    return {"msgtype": "richText", "content": {"richText": parts}}


_MSGTYPES = {"image": "picture", "voice": "audio", "video": "video", "file": "file"}


def _content(found: media.Media) -> Json:
    if found.kind == "image":
        return {"downloadCode": found.id, "pictureDownloadCode": found.id}
    if found.kind == "voice":
        return {"downloadCode": found.id, "duration": 1000, "recognition": ""}
    if found.kind == "video":
        return {"downloadCode": found.id, "duration": 1000, "videoType": "mp4"}
    return {"downloadCode": found.id, "fileName": found.name, "spaceId": "1", "fileId": found.id[:12]}


def quota_body() -> Json:
    """The monthly messages are used up: the frame arrives without its text."""
    return {
        "msgtype": "text",
        "errorCode": QUOTA_CODE,
        "errorMessage": "本月Webhook及Stream消息用量已用完",
    }


def card_click(
    tenant: Tenant, app: App, card: Card, message: Message, user: str, action: str, params: Json
) -> Json:
    """`content` and `value` are JSON text; `extension` is never an empty string."""
    content = dumps({"cardPrivateData": {"actionIds": [action], "params": params}})
    space = message.chat or ids.direct_conversation_id(app.client_id, user)
    return {
        "type": "actionCallback",
        "outTrackId": card.out_track_id,
        "corpId": tenant.corp_id,
        "userId": ids.union_id(user) if card.user_id_type == 2 else user,
        "userIdType": card.user_id_type,
        "spaceType": figures.text(tenant.world, "space_type"),
        "spaceId": space,
        "extension": "{}",
        "content": content,
        "value": content,
    }


def stream_frame(kind: str, topic: str, frame_id: str, now_ms: int, data: str, **headers: str) -> Json:
    return {
        "specVersion": "1.0",
        "type": kind,
        "headers": {
            "topic": topic,
            "messageId": frame_id,
            "contentType": "application/json",
            "time": str(now_ms),
            **headers,
        },
        "data": data,
    }
