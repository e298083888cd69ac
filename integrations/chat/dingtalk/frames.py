"""Stream frames: reading what comes down, writing what goes up (dingtalk.md §4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from cards.door import Verified
from integrations.chat.dingtalk.callback import event_key, robot_key
from integrations.chat.dingtalk.inbound import tapped
from integrations.chat.dingtalk.payload import Json, digest, object_of, text_of

ROBOT_TOPICS = ("/v1.0/im/bot/messages/get", "/v1.0/im/bot/messages/delegate")
CARD_TOPIC = "/v1.0/card/instances/callback"
OK, BAD, UNKNOWN, FAILED = 200, 400, 404, 500


class BadFrame(ValueError):
    """Not a frame we can read."""


@dataclass(frozen=True)
class Frame:
    """`kind` ping | disconnect | robot | card | event | other; `data` is JSON text."""

    kind: str
    message_id: str
    headers: Json
    data: str


def read(text: str | bytes) -> Frame:
    found = object_of(text)
    headers = object_of(found.get("headers"))
    data = found.get("data")
    message_id = text_of(headers.get("messageId"))
    if not message_id or not isinstance(data, (str, type(None))):
        raise BadFrame("a frame needs headers.messageId and data as text")
    return Frame(
        _kind(text_of(found.get("type")), text_of(headers.get("topic"))), message_id, headers, data or ""
    )


def _kind(kind: str, topic: str) -> str:
    if kind == "SYSTEM":
        return topic if topic in {"ping", "disconnect"} else "other"
    if kind == "EVENT":
        return "event"
    if kind == "CALLBACK" and topic in ROBOT_TOPICS:
        return "robot"
    return "card" if kind == "CALLBACK" and topic == CARD_TOPIC else "other"


def verified(frame: Frame) -> Verified:
    """The frame for the inbox. What HTTP says in the body and Stream in headers is put where HTTP has it."""
    raw = frame.data.encode()
    found = object_of(raw)
    if frame.kind == "event":
        return _event(frame, found)
    if not found:
        raise BadFrame("data is not a JSON object")
    if frame.kind == "robot":
        return Verified(robot_key(found, raw), "robot", raw, text_of(found.get("senderStaffId")))
    payload = orjson.dumps({**found, "receivedAt": text_of(frame.headers.get("time"))})
    return Verified(f"card:{frame.message_id or digest(raw)}", "card", payload, *tapped(found))


def _event(frame: Frame, found: Json) -> Verified:
    headers = frame.headers
    flat: Json = {
        **found,
        "EventType": text_of(headers.get("eventType")),
        "eventId": text_of(headers.get("eventId")),
        "CorpId": text_of(headers.get("eventCorpId")),
        "EventTime": text_of(headers.get("eventBornTime") or headers.get("time")),
    }
    payload = orjson.dumps(flat)
    return Verified(event_key(flat, frame.data.encode()), "event", payload)


def acknowledgement(frame: Frame) -> str:
    """Success, in the shape each kind wants; a ping gets its data back, a tap leaves the card alone."""
    answers = {
        "ping": frame.data,
        "event": '{"status":"SUCCESS","message":"ok"}',
        "robot": '{"response":null}',
        "card": '{"response":{}}',
    }
    return _up(frame, OK, "OK", answers.get(frame.kind, "{}"))


def refusal(frame: Frame, code: int) -> str:
    """No success: the platform delivers an event again on LATER or any code but 200."""
    data = '{"status":"LATER","message":"try again"}' if frame.kind == "event" else "{}"
    return _up(frame, code, {BAD: "bad frame", UNKNOWN: "no handler"}.get(code, "failed"), data)


def _up(frame: Frame, code: int, message: str, data: str) -> str:
    headers = {"contentType": "application/json", "messageId": frame.message_id}
    return orjson.dumps({"code": code, "headers": headers, "message": message, "data": data}).decode()
