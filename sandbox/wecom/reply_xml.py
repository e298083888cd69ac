"""Reading the bot's reply XML into plain dicts; DTDs and entities are refused (wecom.md §3.6)."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

Node = dict[str, Any]

_LISTS = {
    "ActionList": "action_list",
    "HorizontalContentList": "horizontal_content_list",
    "VerticalContentList": "vertical_content_list",
    "JumpList": "jump_list",
    "ButtonList": "button_list",
    "OptionList": "option_list",
    "SelectList": "select_list",
}
_NAMES = {
    "CheckBox": "checkbox",
    "KeyName": "keyname",
    "UserId": "userid",
    "AppId": "appid",
    "Appid": "appid",
    "PagePath": "pagepath",
    "Pagepath": "pagepath",
}
_NUMBERS = {"type", "style", "desc_color", "mode"}
_FLAGS = {"disable", "is_checked"}


class XmlError(ValueError):
    """The reply is not XML we accept."""


class _Builder:
    """Collects elements; a repeated name becomes a list, a leaf its text."""

    def __init__(self) -> None:
        self.stack: list[tuple[str, Node, list[str]]] = [("", {}, [])]

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self.stack.append((name, {}, []))

    def end(self, _name: str) -> None:
        name, children, texts = self.stack.pop()
        value: Any = children or "".join(texts)
        parent = self.stack[-1][1]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]

    def text(self, data: str) -> None:
        self.stack[-1][2].append(data)


def parse(text: str) -> Node:
    """`<xml>…</xml>` as a dict of its children."""
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text

    def refuse(*_: object) -> None:
        raise XmlError("xml: a document type is not accepted")

    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise XmlError(f"xml: {error}") from error
    root = builder.stack[0][1].get("xml")
    if not isinstance(root, dict):
        raise XmlError("xml: the root element must be <xml> with children")
    return root


def template_card(node: Node) -> Node:
    """PascalCase TemplateCard as the JSON form of message/send."""
    card: Node = {}
    for name, value in node.items():
        if name in _LISTS:
            items = value if isinstance(value, list) else [value]
            card[_LISTS[name]] = [template_card(i) if isinstance(i, dict) else {} for i in items]
            continue
        key = _NAMES.get(name) or _snake(name)
        card[key] = template_card(value) if isinstance(value, dict) else _scalar(key, value)
    return card


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def _scalar(key: str, value: Any) -> Any:
    text = str(value)
    if key in _NUMBERS and text.strip().lstrip("-").isdigit():
        return int(text)
    if key in _FLAGS:
        return text.strip().lower() in ("1", "true")
    return float(text) if key == "aspect_ratio" and text.replace(".", "", 1).isdigit() else text
