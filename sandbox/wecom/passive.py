"""Passive replies: the body of the bot's 200 to a callback, verified and shown (wecom.md §2.7, §3.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.wecom import cards, reply_xml
from sandbox.wecom.apps import letters
from sandbox.wecom.content import cut_bytes
from sandbox.wecom.crypto import EnvelopeError
from sandbox.wecom.delivery import Delivery
from sandbox.wecom.errors import WecomError
from sandbox.wecom.media import MediaLibrary
from sandbox.wecom.timeline import Copy, Timeline

Apply = Callable[[Copy, dict[str, Any]], None]


class PassiveReplies:
    """Shows what a bot answers at once; cards change for the person who tapped only."""

    def __init__(self, timeline: Timeline, media: MediaLibrary, apply: Apply) -> None:
        self._timeline = timeline
        self._media = media
        self._apply = apply

    def take(self, delivery: Delivery, body: str) -> str:
        """Handle the body of a 200; the answer is a note for the raw exchange."""
        if body.strip() == "success":
            return "note: plain 'success' is tolerated; the documented form is an empty body"
        try:
            plain = self._open(delivery, body)
            self._show(delivery, reply_xml.parse(plain))
        except (EnvelopeError, reply_xml.XmlError, WecomError) as error:
            return f"passive reply refused: {error}"
        return f"decrypted:\n{plain}"

    def _open(self, delivery: Delivery, body: str) -> str:
        outer = reply_xml.parse(body)
        names = ("Encrypt", "TimeStamp", "Nonce", "MsgSignature")
        missing = [name for name in names if not isinstance(outer.get(name), str)]
        if missing:
            raise reply_xml.XmlError(f"xml: missing {', '.join(missing)}")
        encrypt, timestamp, nonce, signature = (outer[name] for name in names)
        return delivery.app.envelope.open(encrypt, timestamp, nonce, signature)

    def _show(self, delivery: Delivery, reply: dict[str, Any]) -> None:
        kind = reply.get("MsgType")
        if kind == "update_button":
            self._apply(
                self._tapped(delivery),
                {"replace_name": str(_child(reply, "Button").get("ReplaceName") or "")},
            )
        elif kind == "update_template_card":
            card = reply_xml.template_card(_child(reply, "TemplateCard"))
            self._apply(self._tapped(delivery), {"card": cards.check(card, update=True)})
        else:
            copy = Copy(
                id=letters(50), user=delivery.user, app=delivery.app.name, sender="bot", type=str(kind)
            )
            self._fill(copy, str(kind), reply)
            self._timeline.add(copy)

    def _fill(self, copy: Copy, kind: str, reply: dict[str, Any]) -> None:
        if kind == "text":
            copy.text, copy.cut = cut_bytes(str(reply.get("Content") or ""))
        elif kind in ("image", "voice", "video"):
            copy.media_id = str(_child(reply, kind.capitalize()).get("MediaId"))
            copy.text = self._media.name(copy.media_id)
        elif kind == "news":
            items = _child(reply, "Articles").get("item")
            articles = items if isinstance(items, list) else [items]
            copy.text = "\n".join(str(a.get("Title")) for a in articles[:8] if isinstance(a, dict))
        else:
            raise WecomError(40008, f"unknown MsgType {kind!r}")

    @staticmethod
    def _tapped(delivery: Delivery) -> Copy:
        if delivery.card is None:
            raise WecomError(40008, "only a card event can be answered with a card update")
        return delivery.card


def _child(reply: dict[str, Any], name: str) -> dict[str, Any]:
    child = reply.get(name)
    if not isinstance(child, dict):
        raise reply_xml.XmlError(f"xml: missing {name}")
    return child
