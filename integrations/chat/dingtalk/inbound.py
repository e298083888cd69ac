"""What people say and tap, in the neutral shape (dingtalk.md §2.2, §6.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from domain.chat import Account, Attachment, Inbound, Message, Tap, Unhandled
from integrations.chat.dingtalk.payload import Json, any_case, moment_of, object_of, text_of, texts_of

GROUP = "2"  # conversationType
SESSION_LIFE = timedelta(minutes=90)  # when sessionWebhookExpiredTime is missing (dingtalk.md §14 row 14)
QUOTA_CODE = "20001"  # the month's messages are used up: the text never arrives
PICTURE = "图片"  # pictures come without a name
MARK = "chat"  # button parameter that names the group a card was sent to


@dataclass(frozen=True)
class Reader:
    """Reads stored payloads of one app. `oapi_base` is the only host a reply address may lead to."""

    platform: str
    app: str
    oapi_base: str

    def read(self, kind: str, payload: bytes, key: str, now: datetime) -> Inbound:
        """`now` stands in where the payload tells no time. Unknown things become Unhandled."""
        found = object_of(payload)
        if kind == "robot":
            return self._message(found, key, now)
        if kind == "card":
            return self._tap(found, key, now)
        if kind == "event":
            return self._event(found, key, now)
        return self._unhandled(kind, found, key, now)

    def _account(self, user_id: object) -> Account:
        """An outsider's id is "" and so matches no staff."""
        return Account(self.platform, self.app, text_of(user_id))

    def _unhandled(self, kind: str, found: Json, key: str, at: datetime, chat_id: str = "") -> Unhandled:
        user = found.get("senderStaffId") or found.get("userId")
        return Unhandled(key, self._account(user if isinstance(user, str) else ""), at, chat_id, kind=kind)

    def _message(self, found: Json, key: str, now: datetime) -> Inbound:
        at = moment_of(found.get("createAt")) or now
        group = text_of(found.get("conversationType")) == GROUP
        chat_id = text_of(found.get("conversationId")) if group else ""
        if text_of(found.get("errorCode") or found.get("errCode")) == QUOTA_CODE:
            return self._unhandled("quota", found, key, at, chat_id)
        text, (name, ref) = spoken(found), file_of(found)
        if not text and not ref:
            return self._unhandled(text_of(found.get("msgtype")) or "robot", found, key, at, chat_id)
        url, until = self._reply(found, at)
        account = self._account(found.get("senderStaffId"))
        if not text:
            return Attachment(key, account, at, chat_id, name=name, ref=ref, reply_url=url, reply_until=until)
        return Message(key, account, at, chat_id, text=text, reply_url=url, reply_until=until)

    def _reply(self, found: Json, at: datetime) -> tuple[str, datetime | None]:
        url = text_of(found.get("sessionWebhook"))
        if not reply_allowed(url, self.oapi_base):
            return "", None
        return url, moment_of(found.get("sessionWebhookExpiredTime")) or at + SESSION_LIFE

    def _tap(self, found: Json, key: str, now: datetime) -> Inbound:
        at = moment_of(found.get("receivedAt")) or now
        if text_of(found.get("type")) not in {"", "actionCallback"}:
            return self._unhandled(text_of(found["type"]), found, key, at)
        action, params = action_of(found)
        card_id = text_of(found.get("outTrackId"))
        if not action or not card_id:
            return self._unhandled("card", found, key, at)
        trusted = text_of(found.get("userIdType")) in {"", "1"}  # 2 would be a unionId
        return Tap(
            key,
            self._account(found.get("userId") if trusted else ""),
            at,
            group_of(found, params),
            action=action,
            card_id=card_id,
            inputs=inputs_of(params),
        )

    def _event(self, found: Json, key: str, now: datetime) -> Inbound:
        kind = text_of(any_case(found, "EventType")) or "unknown"
        at = moment_of(any_case(found, "EventTime") or any_case(found, "TimeStamp")) or now
        chat_id = text_of(any_case(found, "OpenConversationId"))
        return Unhandled(key, self._account(""), at, chat_id, kind=f"event:{kind}")


def spoken(found: Json) -> str:
    """What the person said, trimmed: text, the text parts of rich text, a voice message as recognised."""
    content = object_of(found.get("content"))
    match text_of(found.get("msgtype")):
        case "text":
            return text_of(object_of(found.get("text")).get("content")).strip()
        case "richText":
            parts = content.get("richText")
            texts = (
                [text_of(object_of(part).get("text")) for part in parts] if isinstance(parts, list) else []
            )
            return "".join(texts).strip()
        case "audio":
            return text_of(content.get("recognition")).strip()
        case _:
            return ""


def file_of(found: Json) -> tuple[str, str]:
    """Name and download code of a file, a picture, or the first picture of rich text; empty where there is none.

    Voice and video carry codes too, but nothing here could read them (§2.2).
    """
    content = object_of(found.get("content"))
    kind = text_of(found.get("msgtype"))
    if kind == "file":
        return text_of(content.get("fileName")) or "文件", text_of(content.get("downloadCode"))
    if kind == "picture":
        return PICTURE, text_of(content.get("downloadCode"))
    parts = content.get("richText")
    if kind == "richText" and isinstance(parts, list):
        codes = (text_of(object_of(part).get("downloadCode")) for part in parts)
        return PICTURE, next((code for code in codes if code), "")
    return "", ""


def action_of(found: Json) -> tuple[str, Json]:
    """What the tapped button carries, and its parameters."""
    content = object_of(found.get("content") or found.get("value"))
    private = object_of(content.get("cardPrivateData"))
    params = object_of(private.get("params"))
    return text_of(params.get("action")) or next(iter(texts_of(private.get("actionIds"))), ""), params


def tapped(found: Json) -> tuple[str, str]:
    """Who tapped and what the button carries."""
    return text_of(found.get("userId")), action_of(found)[0]


def inputs_of(params: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """Form inputs arrive among the button's own parameters."""
    return {name: texts_of(value) for name, value in params.items() if name not in {"action", MARK}}


def group_of(found: Json, params: Mapping[str, object]) -> str:
    """The group the tapped card hangs in, "" one to one.

    `spaceType` does not tell groups from one-to-one chats (dingtalk.md §14 row 7), so a card sent to a group
    carries the group's id in its buttons; the id the platform reports must be the same.
    """
    space = text_of(found.get("spaceId"))
    in_group = text_of(found.get("spaceType")).upper() == "IM_GROUP" or text_of(params.get(MARK)) == space
    return space if in_group else ""


def reply_allowed(url: str, oapi_base: str) -> bool:
    """Only the platform's own reply address: anything else would let a payload aim our requests (§5.4)."""
    try:
        given, base = urlsplit(url), urlsplit(oapi_base)
    except ValueError:
        return False
    return (
        (given.scheme, given.netloc) == (base.scheme, base.netloc)
        and given.path == f"{base.path.rstrip('/')}/robot/sendBySession"
        and not given.fragment
        and "\\" not in url
    )
