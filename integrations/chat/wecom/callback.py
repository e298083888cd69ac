"""What WeCom's server asks of us: URL verification and callbacks (wecom.md §2.2–2.8)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import unquote

from cards.door import Verified
from integrations.chat.wecom.crypto import Envelope, EnvelopeError
from integrations.chat.wecom.envelope import extract_encrypt
from integrations.chat.wecom.shape import read_inner
from integrations.chat.wecom.xml import Document, XmlRefused

MAX_BODY = 64 * 1024  # bytes; a text message is at most a few KB
MAX_SKEW = 600  # seconds between the query's timestamp and our clock, either way
MAX_KIND = 64


class CallbackRefused(Exception):
    """Answer with `status`; `reason` is one word for the log and never holds content or a signature."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def read_query(raw: str) -> Mapping[str, str]:
    """Percent-decode each value once. A bare '+' stays one: echostr is base64 (§2.2)."""
    values: dict[str, str] = {}
    for part in raw.split("&"):
        name, _, value = part.partition("=")
        values[name] = unquote(value) if "%" in value else value
    return values


def verify_url(app: Envelope, query: str) -> str:
    """The whole body of the answer to WeCom's GET; `query` is the raw query string."""
    values = read_query(query)
    echostr = values.get("echostr", "").encode()
    try:
        app.check(*_signed(values), echostr)
        return app.decrypt(echostr).decode()
    except EnvelopeError as error:
        raise CallbackRefused(error.reason, 403) from None
    except UnicodeDecodeError:
        raise CallbackRefused("not_utf8", 403) from None


def verify_callback(app: Envelope, query: str, body: bytes, now: datetime) -> Verified:
    """Check a POST in the order of §2.5 and return what is to be kept.

    A validly signed repeat passes: telling it apart is the inbox's unique key. `query` is the raw
    query string, `now` aware.
    """
    if len(body) > MAX_BODY:
        raise CallbackRefused("body_too_large", 413)
    values = read_query(query)
    try:
        encrypt = extract_encrypt(body)
        app.check(*_signed(values), encrypt)
        _check_age(values["timestamp"], now)
        payload = app.decrypt(encrypt)
        document = read_inner(payload)
    except EnvelopeError as error:
        raise CallbackRefused(error.reason, 403) from None
    except XmlRefused as error:
        raise CallbackRefused(error.reason, 400) from None
    sender, action = document.get("FromUserName"), document.get("EventKey")
    return Verified(
        message_key(document, payload),
        kind_of(document),
        payload,
        sender if isinstance(sender, str) else "",
        action if isinstance(action, str) and document.get("MsgType") == "event" else "",
    )


def _signed(values: Mapping[str, str]) -> tuple[str, bytes, bytes]:
    """Signature, timestamp and nonce; what is missing is empty and fails the check."""
    get = values.get
    return get("msg_signature", ""), get("timestamp", "").encode(), get("nonce", "").encode()


def _check_age(timestamp: str, now: datetime) -> None:
    in_form = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12
    if not in_form or abs(int(timestamp) - now.timestamp()) > MAX_SKEW:
        raise CallbackRefused("stale_timestamp", 403)


def kind_of(document: Document) -> str:
    """`text`, `voice` … for a message, `event.click` … for an event; for the log and the counters."""
    kind = document.get("MsgType")
    if kind == "event":
        kind = f"event.{document.get('Event')}"
    return kind[:MAX_KIND] if isinstance(kind, str) else "unknown"


def message_key(document: Document, payload: bytes) -> str:
    """MsgId of a message; of an event, which has none, a digest of the plaintext (§2.8)."""
    msg_id = document.get("MsgId")
    if (
        document.get("MsgType") != "event"
        and isinstance(msg_id, str)
        and msg_id.isascii()
        and msg_id.isdigit()
    ):
        return msg_id
    return hashlib.sha256(payload).hexdigest()
