"""A template card as a phone shows it: cut strings, buttons, state (wecom.md §4.3, §4.4)."""

from __future__ import annotations

from typing import Any

Card = dict[str, Any]
INTERACTIVE = ("button_interaction", "vote_interaction", "multiple_interaction")
_COMMON = {"card_type", "source", "main_title", "task_id", "replace_text"}
_FACTS = {"action_menu", "quote_area", "horizontal_content_list", "card_action"}
FIELDS = {
    "text_notice": _COMMON | _FACTS | {"emphasis_content", "sub_title_text", "jump_list"},
    "news_notice": _COMMON | _FACTS | {"vertical_content_list", "card_image", "image_text_area", "jump_list"},
    "button_interaction": _COMMON | _FACTS | {"sub_title_text", "button_selection", "button_list"},
    "vote_interaction": _COMMON | {"checkbox", "submit_button"},
    "multiple_interaction": _COMMON | {"select_list", "submit_button"},
}
STYLES = {1: "primary", 2: "normal", 3: "danger", 4: "plain"}
COLORS = {0: "grey", 1: "black", 2: "red", 3: "green"}


class Cutter:
    """Cuts display strings to the chars a phone shows and remembers what was cut."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def __call__(self, name: str, text: Any, limit: int) -> str:
        whole = str(text or "")
        if len(whole) <= limit:
            return whole
        self.warnings.append(f"will be cut on a phone: {name} has {len(whole)} characters, shows {limit}")
        return whole[:limit] + "…"


def render(card: Card, replace_name: str = "", pending: str = "") -> dict[str, Any]:
    """The card part of the shared message shape; `replace_name` greys every button."""
    cut = Cutter()
    allowed = FIELDS.get(str(card.get("card_type")), _COMMON)
    card = {name: value for name, value in card.items() if name in allowed}
    source, title = card.get("source") or {}, card.get("main_title") or {}
    over = replace_name or str(card.get("replace_text") or "")
    shown: dict[str, Any] = {
        "kind": card.get("card_type", ""),
        "source": cut("source.desc", source.get("desc"), 20),
        "source_color": COLORS.get(source.get("desc_color", 0), "grey"),
        "title": cut("main_title.title", title.get("title"), 36),
        "subtitle": cut("main_title.desc", title.get("desc"), 44),
        "fields": _fields(card, cut),
        "body": _body(card, cut),
        "tips": "",
        "buttons": _dead(over) if over else _buttons(card, cut, pending),
        "menu": _menu(card),
        "select": _selections(card, cut, frozen=bool(over)),
        "replace_text": over,
    }
    shown.update(_parts(card, cut, over))
    shown["state"] = _state(shown, over, pending)
    shown["warnings"] = cut.warnings
    return shown


def _state(shown: dict[str, Any], over: str, pending: str) -> str:
    live = shown.get("submit") or shown["menu"] or any(b["action"] for b in shown["buttons"])
    if over or not live:
        return "final"
    return "pending" if pending else "live"


def _parts(card: Card, cut: Cutter, over: str) -> dict[str, Any]:
    """The parts that only some cards have."""
    parts: dict[str, Any] = {}
    emphasis, quote, image = (card.get(k) for k in ("emphasis_content", "quote_area", "card_image"))
    if emphasis:
        parts["emphasis"] = {
            "title": cut("emphasis_content.title", emphasis.get("title"), 14),
            "desc": cut("emphasis_content.desc", emphasis.get("desc"), 22),
        }
    if quote:
        parts["quote"] = {
            "title": str(quote.get("title") or ""),
            "text": str(quote.get("quote_text") or ""),
            "url": str(quote.get("url") or ""),
        }
    if image:
        parts["image"] = str(image.get("url") or "")
    submit = card.get("submit_button")
    if submit and not over:
        parts["submit"] = {
            "text": cut("submit_button.text", submit.get("text"), 10),
            "action": submit.get("key"),
        }
    if (card.get("card_action") or {}).get("url"):
        parts["url"] = card["card_action"]["url"]
    return parts


def _fields(card: Card, cut: Cutter) -> list[dict[str, Any]]:
    fields = []
    for item in card.get("horizontal_content_list") or []:
        label, value = str(item.get("keyname", "")), item.get("value") or item.get("userid")
        field = {"label": cut(f"keyname {label!r}", label, 5), "value": cut(f"value of {label!r}", value, 30)}
        fields.append({**field, "url": item["url"]} if item.get("url") else field)
    return fields


def _body(card: Card, cut: Cutter) -> str:
    lines = [cut("sub_title_text", card.get("sub_title_text"), 160)]
    area = card.get("image_text_area") or {}
    lines += [str(area.get("title") or ""), str(area.get("desc") or "")]
    for item in card.get("vertical_content_list") or []:
        lines.append(f"**{cut('vertical title', item.get('title'), 38)}**")
        lines.append(cut("vertical desc", item.get("desc"), 160))
    return "\n".join(line for line in lines if line)


def _dead(text: str) -> list[dict[str, Any]]:
    return [{"text": text, "action": "", "style": "plain", "disabled": True}]


def _buttons(card: Card, cut: Cutter, pending: str) -> list[dict[str, Any]]:
    buttons: list[dict[str, Any]] = []
    for item in card.get("button_list") or []:
        text = cut("button text", item.get("text"), 10)
        button = {"text": text, "style": STYLES.get(item.get("style", 1), "primary"), "disabled": False}
        if item.get("type", 0) == 1:
            button |= {"action": "", "url": item.get("url", "")}
        else:
            button |= {"action": item.get("key", "")}
        buttons.append(button | ({"pending": True} if pending and button["action"] == pending else {}))
    for item in card.get("jump_list") or []:
        text = cut("jump title", item.get("title"), 18)
        buttons.append(
            {"text": text, "action": "", "style": "link", "disabled": False, "url": item.get("url", "")}
        )
    return buttons


def _menu(card: Card) -> list[dict[str, str]]:
    menu = card.get("action_menu") or {}
    return [{"text": item["text"], "action": item["key"]} for item in menu.get("action_list") or []]


def questions(card: Card) -> list[Card]:
    """Every selection of the card in one shape: button_selection, checkbox or select_list."""
    kind = card.get("card_type")
    if kind == "button_interaction":
        return [card["button_selection"]] if card.get("button_selection") else []
    if kind == "vote_interaction":
        return [card["checkbox"]]
    return list(card.get("select_list") or []) if kind == "multiple_interaction" else []


def is_multiple(question: Card) -> bool:
    return int(question.get("mode") or 0) == 1


def preselected(card: Card, question: Card) -> list[str]:
    """Option ids that stand selected when nobody touches the question."""
    options = question.get("option_list") or []
    if card.get("card_type") == "vote_interaction":
        return [o["id"] for o in options if o.get("is_checked")]
    return [question.get("selected_id") or options[0]["id"]] if options else []


def _selections(card: Card, cut: Cutter, *, frozen: bool) -> list[dict[str, Any]]:
    shown = []
    limit = 17 if card.get("card_type") == "vote_interaction" else 16
    for question in questions(card):
        chosen = preselected(card, question)
        multiple = is_multiple(question)
        options = [
            {"id": o["id"], "text": cut("option text", o.get("text"), limit)}
            for o in question.get("option_list") or []
        ]
        selection = {
            "key": question.get("question_key", ""),
            "title": cut("selection title", question.get("title"), 13),
            "options": options,
            "selected": chosen if multiple else (chosen[0] if chosen else ""),
            "disabled": frozen or bool(question.get("disable")),
        }
        shown.append(selection | ({"multiple": True} if multiple else {}))
    return shown
