"""The outer XML of a callback: taking `Encrypt` out of a request, putting a reply in (wecom.md §2.3, §2.7)."""

from __future__ import annotations

import re

from integrations.chat.wecom.crypto import Envelope
from integrations.chat.wecom.xml import XmlRefused, parse_xml

_OPEN, _CLOSE = b"<Encrypt><![CDATA[", b"]]></Encrypt>"
_FIELD = rb"<(ToUserName|AgentI[Dd])>(?:<!\[CDATA\[[\w@.-]*+\]\]>|[\w@.-]*+)</\%d>[ \t\n]*+"
_BEFORE = re.compile(rb"<xml>[ \t\n]*+(?:" + _FIELD % 1 + rb")*+")
_AFTER = re.compile(rb"[ \t\n]*+(?:" + _FIELD % 1 + rb")*+</xml>[ \t\n]*+")


def extract_encrypt(body: bytes) -> bytes:
    """The text of the `Encrypt` element; XmlRefused for anything that is not such a document.

    The form the platform sends is cut out directly. Whatever differs goes through the guarded parser.
    """
    start = body.find(_OPEN) + len(_OPEN)
    end = body.find(b"]]>", start)
    if (
        start >= len(_OPEN)
        and body.startswith(_CLOSE, end)
        and _BEFORE.fullmatch(body, 0, start - len(_OPEN))
        and _AFTER.fullmatch(body, end + len(_CLOSE))
    ):
        return body[start:end]
    encrypt = parse_xml(body).get("Encrypt")
    if not isinstance(encrypt, str):
        raise XmlRefused("no_encrypt")
    return encrypt.strip().encode()


def reply_xml(
    envelope: Envelope, message: bytes, timestamp: str, nonce: str, random16: bytes | None = None
) -> str:
    """A passive reply, encrypted and signed (§2.7)."""
    encrypt = envelope.encrypt(message, random16)
    signature = envelope.signature(timestamp.encode(), nonce.encode(), encrypt.encode())
    return (
        f"<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
    )
