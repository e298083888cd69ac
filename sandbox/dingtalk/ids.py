"""Identifiers in the shapes the platform uses (dingtalk.md §11.1 row Ids)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import string
import uuid

_LETTERS = string.ascii_letters + string.digits
_LOWER = string.ascii_lowercase + string.digits


def _pick(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def _digest(*parts: str) -> str:
    """Letters and digits that depend only on the parts."""
    raw = hashlib.sha256("\n".join(parts).encode()).digest()
    return base64.b64encode(raw).decode().replace("+", "x").replace("/", "y").rstrip("=")


def client_id() -> str:
    return "ding" + _pick(_LOWER, 16)


def client_secret() -> str:
    return _pick(_LETTERS + "-_", 64)


def corp_id() -> str:
    return "ding" + secrets.token_hex(16)


def hex32() -> str:
    """Access tokens and sessions."""
    return secrets.token_hex(16)


def event_token() -> str:
    return _pick(_LETTERS, 24)


def encoding_aes_key() -> str:
    """43 letters and digits; the last one usually carries non-zero trailing bits, as real keys do."""
    return _pick(_LETTERS, 43)


def conversation_id() -> str:
    return "cid" + _pick(_LETTERS, 22) + "=="


def direct_conversation_id(client: str, userid: str) -> str:
    """The one-to-one conversation of one person with one robot: always the same."""
    return "cid" + _digest("direct", client, userid)[:22] + "=="


def chat_id() -> str:
    return "chat" + secrets.token_hex(16)


def message_id() -> str:
    return "msg" + _pick(_LETTERS, 22) + "=="


def process_query_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def request_id() -> str:
    return str(uuid.uuid4()).upper()


def old_request_id() -> str:
    return _pick(_LOWER, 13)


def union_id(userid: str) -> str:
    return _digest("union", userid)[:20] + "iEiE"


def encrypted_id(*parts: str) -> str:
    return "$:LWCP_v1:$" + _digest("lwcp", *parts)[:22] + "=="


def media_id() -> str:
    return "@lAL" + _pick(_LETTERS, 24)


def download_code() -> str:
    return _pick(_LETTERS, 32)


def carrier_id() -> str:
    return "4vAAzUED" + _pick(_LETTERS, 8)


def ticket() -> str:
    return str(uuid.uuid4())


def frame_id() -> str:
    return secrets.token_hex(16)


def mobile(userid: str) -> str:
    """A made-up number of the 139 0000 range."""
    return "1390000" + userid.zfill(4)[-4:]
