"""Outbox bodies as JSON text, and back. `type` names the body, so rows outlive a restart and an upgrade."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from domain.chat import Account, Recipient, SubjectRef
from domain.outbox import Body, Effect, RefreshCard, SendCard, SendFile, SendText

_TYPES: Mapping[type[Body], str] = {
    SendText: "send_text",
    SendCard: "send_card",
    SendFile: "send_file",
    RefreshCard: "refresh_card",
    Effect: "effect",
}


def encode_body(body: Body) -> str:
    # orjson reads dataclasses itself; Mapping fields become plain dicts for it.
    content: object = body
    match body:
        case SendCard(to, subject, params):
            content = {"to": to, "subject": subject, "params": dict(params)}
        case Effect(name, subject, args):
            content = {"name": name, "subject": subject, "args": dict(args)}
    return orjson.dumps({"type": _TYPES[type(body)], "body": content}).decode()


def decode_body(text: str) -> Body:
    """Read what `encode_body` made; ValueError for a type this version does not know."""
    document = orjson.loads(text)
    body = document["body"]
    match document["type"]:
        case "send_text":
            return SendText(_recipient(body["to"]), body["text"])
        case "send_card":
            return SendCard(_recipient(body["to"]), _subject(body["subject"]), body["params"])
        case "send_file":
            return SendFile(_recipient(body["to"]), body["file_id"], body.get("note", ""))
        case "refresh_card":
            return RefreshCard(body["card_id"], body.get("force", False))
        case "effect":
            return Effect(body["name"], _subject(body["subject"]), body["args"])
        case other:
            raise ValueError(f"outbox row of unknown type {other!r}")


def is_readable(text: str) -> bool:
    """Whether this version can read it; a newer one may have written it."""
    try:
        decode_body(text)
    except (ValueError, KeyError, TypeError):
        return False
    return True


def _recipient(data: Mapping[str, Any]) -> Recipient:
    account = data["account"]
    until = data["reply_until"]
    return Recipient(
        Account(account["platform"], account["app"], account["user_id"]),
        data["chat_id"],
        data["reply_url"],
        None if until is None else datetime.fromisoformat(until),
    )


def _subject(data: Mapping[str, Any]) -> SubjectRef:
    return SubjectRef(data["type"], data["id"])
