"""HTTP mode: signed pushes from the platform, verified and keyed for the inbox (dingtalk.md §2, §3, §6.4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import orjson

from cards.door import Verified
from integrations.chat.dingtalk import crypto, sign
from integrations.chat.dingtalk.inbound import tapped
from integrations.chat.dingtalk.payload import Json, any_case, digest, object_of, text_of
from integrations.chat.dingtalk.settings import DingTalkSettings

MAX_BODY = 256 * 1024  # bytes; a robot message is a few kilobytes


class CallbackRefused(Exception):
    """Not from the platform, or unreadable: answer `status`, store nothing."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def verify_robot(
    settings: DingTalkSettings, headers: Mapping[str, str], body: bytes, now: datetime
) -> Verified:
    """A robot message; the key is `robot:<msgId>`."""
    timestamp, given = _header(headers, "timestamp"), _header(headers, "sign")
    _refuse(sign.robot_problem(settings.client_secret, timestamp, given, _ms(now)))
    found = _body(body)
    return Verified(robot_key(found, body), "robot", body, text_of(found.get("senderStaffId")))


def verify_card(
    settings: DingTalkSettings, headers: Mapping[str, str], body: bytes, now: datetime
) -> Verified:
    """A card tap. The body has no id, so the key covers the signed timestamp too: two taps on the same
    button are two taps."""
    timestamp = _header(headers, "x-ddpaas-signature-timestamp")
    given = _header(headers, "x-ddpaas-signature")
    _refuse(sign.card_problem(settings.card_secret, timestamp, given, _ms(now)))
    found = _body(body)
    payload = orjson.dumps({**found, "receivedAt": timestamp})
    return Verified(f"card:{digest(timestamp.encode(), body)}", "card", payload, *tapped(found))


def verify_event(
    settings: DingTalkSettings, query: Mapping[str, str], body: bytes, now: datetime
) -> tuple[Verified, bytes]:
    """An event and the body of the answer: the encrypted word `success` (or the Random of an ISV check)."""
    encrypt = _body(body).get("encrypt")
    keys = crypto.EventKeys(settings.token, settings.encoding_aes_key, settings.client_id)
    try:
        plain = crypto.unseal(
            keys,
            signature=query.get("msg_signature") or query.get("signature") or "",
            timestamp=query.get("timestamp", ""),
            nonce=query.get("nonce", ""),
            encrypt=encrypt if isinstance(encrypt, str) else "",
        )
    except crypto.EnvelopeRefused as refused:
        raise CallbackRefused(str(refused), 403 if refused.code == 900005 else 400) from None
    found = _json(plain)
    word = "success"
    if text_of(any_case(found, "EventType")) in {"check_create_suite_url", "check_update_suite_url"}:
        word = text_of(any_case(found, "Random")) or word
    answer = crypto.seal(keys, word.encode(), timestamp=str(_ms(now)))
    return Verified(event_key(found, plain), "event", plain), orjson.dumps(answer)


def robot_key(found: Json, body: bytes) -> str:
    return f"robot:{text_of(found.get('msgId')) or digest(body)}"


def event_key(found: Json, body: bytes) -> str:
    return f"event:{text_of(any_case(found, 'eventId')) or digest(body)}"


def _header(headers: Mapping[str, str], name: str) -> str:
    """Header names come in any letter case, also from a plain dict."""
    return headers.get(name) or text_of(any_case(dict(headers), name))


def _ms(now: datetime) -> int:
    return int(now.timestamp() * 1000)


def _refuse(problem: str) -> None:
    if problem:
        raise CallbackRefused(problem, 403)


def _body(body: bytes) -> Json:
    if len(body) > MAX_BODY:
        raise CallbackRefused("body too large", 413)
    return _json(body)


def _json(body: bytes) -> Json:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise CallbackRefused("not UTF-8", 400) from None
    found = object_of(body)
    if not found:
        raise CallbackRefused("not a JSON object", 400)
    return found
