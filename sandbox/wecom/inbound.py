"""Plaintext of callbacks: messages and events as XML (wecom.md §3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Value = str | int | Sequence[tuple[str, Any]]
Fields = Sequence[tuple[str, Value]]


def cdata(text: str) -> str:
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def element(name: str, value: Value) -> str:
    """Text as CDATA, numbers bare, a sequence of pairs as child elements."""
    if isinstance(value, str):
        inner = cdata(value)
    elif isinstance(value, int):
        inner = str(value)
    else:
        inner = "".join(element(n, v) for n, v in value)
    return f"<{name}>{inner}</{name}>"


def document(fields: Fields) -> str:
    return element("xml", fields)


@dataclass(frozen=True)
class Common:
    """What every callback carries (§3.1); `agent_element` spells AgentID or AgentId."""

    corp_id: str
    user: str
    agent_id: int
    created: int
    agent_element: str = "AgentID"

    def _head(self, kind: str) -> list[tuple[str, Value]]:
        return [
            ("ToUserName", self.corp_id),
            ("FromUserName", self.user),
            ("CreateTime", self.created),
            ("MsgType", kind),
        ]

    def message(self, kind: str, message_id: str, fields: Fields) -> str:
        tail: Fields = [("MsgId", int(message_id)), (self.agent_element, self.agent_id)]
        return document([*self._head(kind), *fields, *tail])

    def event(self, kind: str, fields: Fields) -> str:
        return document([*self._head("event"), ("Event", kind), *fields, (self.agent_element, self.agent_id)])


def card_event(
    *, key: str, task_id: str, card_type: str, response_code: str, selected: dict[str, list[str]] | None
) -> Fields:
    """Fields of template_card_event; with `selected` None of template_card_menu_event (§3.4)."""
    fields: list[tuple[str, Value]] = [
        ("EventKey", key),
        ("TaskId", task_id),
        ("CardType", card_type),
        ("ResponseCode", response_code),
    ]
    if selected:
        items = [
            ("SelectedItem", [("QuestionKey", question), ("OptionIds", [("OptionId", o) for o in options])])
            for question, options in selected.items()
        ]
        fields.append(("SelectedItems", items))
    return fields


def attachment(kind: str, item: dict[str, Any], media_id: str, pic_url: str) -> Fields | None:
    """Fields of a message that is not text; None for a kind the platform does not know (§3.2)."""
    known: dict[str, Fields] = {
        "image": [("PicUrl", pic_url), ("MediaId", media_id)],
        "voice": [("MediaId", media_id), ("Format", "amr")],
        "video": [("MediaId", media_id), ("ThumbMediaId", media_id)],
        "file": [("FileName", str(item.get("name", ""))), ("MediaId", media_id)],
        "location": [
            ("Location_X", str(item.get("latitude", "0"))),
            ("Location_Y", str(item.get("longitude", "0"))),
            ("Scale", 16),
            ("Label", str(item.get("label", ""))),
            ("AppType", "wxwork"),
        ],
        "link": [
            ("Title", str(item.get("title", ""))),
            ("Description", str(item.get("description", ""))),
            ("Url", str(item.get("url", ""))),
            ("PicUrl", ""),
        ],
    }
    return known.get(kind)
