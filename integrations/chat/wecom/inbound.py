"""Decrypted XML to the domain's words (wecom.md §3). Unknown things become Unhandled, never an error."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from domain.chat import Account, Attachment, Entered, Inbound, MenuClick, Message, Tap, Unhandled
from integrations.chat.wecom.shape import read_inner
from integrations.chat.wecom.xml import Document, XmlRefused

PLATFORM = "wecom"
TAPS = frozenset({"template_card_event", "template_card_menu_event"})
FILES = {"file": "文件", "image": "图片"}  # what carries a file, and its name where none is told
_LONG_AGO = datetime.fromtimestamp(0, UTC)


def read_inbound(app: str, kind: str, payload: bytes, key: str) -> Inbound:
    """`app` is the settings' name of the app, `key` the message key, `kind` as `callback.kind_of` told it."""
    try:
        document = read_inner(payload)
    except XmlRefused:
        return Unhandled(key, Account(PLATFORM, app, ""), _LONG_AGO, kind=kind)
    account = Account(PLATFORM, app, _text(document, "FromUserName"))
    at = _moment(_text(document, "CreateTime"))
    msg_type = _text(document, "MsgType")
    if msg_type == "event":
        return _event(document, key, account, at)
    if msg_type == "text":
        return Message(key, account, at, text=_text(document, "Content").strip())
    media_id = _text(document, "MediaId")
    if msg_type in FILES and media_id:
        # Nothing documents a name of files: `FileName` is what newer clients are said to send (§3.2, §12 no. 10).
        name = _text(document, "FileName") or FILES[msg_type]
        return Attachment(key, account, at, name=name, ref=media_id)
    return Unhandled(key, account, at, kind=msg_type or kind)


def _event(document: Document, key: str, account: Account, at: datetime) -> Inbound:
    event = _text(document, "Event")
    if event in TAPS:
        return Tap(
            key,
            account,
            at,
            action=_text(document, "EventKey"),
            card_id=_text(document, "TaskId"),
            code=_text(document, "ResponseCode"),
            inputs=_inputs(document.get("SelectedItems")),
        )
    if event == "click":
        return MenuClick(key, account, at, menu_key=_text(document, "EventKey"))
    if event == "enter_agent":
        return Entered(key, account, at)
    return Unhandled(key, account, at, kind=event or "unknown")


def _inputs(selected: object) -> Mapping[str, tuple[str, ...]]:
    """Question key to chosen option ids."""
    items = selected.get("SelectedItem") if isinstance(selected, dict) else None
    inputs: dict[str, tuple[str, ...]] = {}
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict):
            continue
        options = item.get("OptionIds")
        ids = options.get("OptionId") if isinstance(options, dict) else None
        inputs[_text(item, "QuestionKey")] = tuple(i for i in ids or () if isinstance(i, str))
    return inputs


def _text(document: Document, name: str) -> str:
    """The element's text; empty when it is absent, repeated or holds elements."""
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _moment(seconds: str) -> datetime:
    """CreateTime is seconds since 1970; what cannot be one counts as long ago."""
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 11):
        return _LONG_AGO
    return datetime.fromtimestamp(int(seconds), UTC)
