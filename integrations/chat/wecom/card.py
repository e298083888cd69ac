"""The neutral card as a WeCom template card (wecom.md §4.3, §4.4)."""

from __future__ import annotations

from typing import Any

from cards.model import Button, Card, Field, Style

TemplateCard = dict[str, Any]

MAX_FACTS = 6
TEXT_CHARS = 160  # of sub_title_text that a phone shows
STYLES = {Style.PRIMARY: 1, Style.NORMAL: 2, Style.DANGER: 3}
MENU_TITLE = "更多"
OPEN_TEXT = "查看详情"
DONE_TEXT, DONE_KEY = "已处理", "done"


def render_card(card: Card, card_id: str, public_url: str) -> TemplateCard:
    """For sending. Only cards that can never change any more are plain notices.

    A live card without buttons gets one that opens its page: a button card brings a response code,
    and with it the means to show the final state. `public_url` is where a card without a page leads.
    """
    link = card.link or public_url.rstrip("/")
    body = _body(card) | _menu(card.menu)
    if card.final or (not card.buttons and card.menu):
        extra = {"card_type": "text_notice", "card_action": {"type": 1, "url": link}}
        return extra | body | ({"task_id": card_id} if card.menu else {})
    buttons = [_button(b) for b in card.buttons] or [{"type": 1, "text": OPEN_TEXT, "url": link, "style": 2}]
    return {"card_type": "button_interaction", **body, "button_list": buttons, "task_id": card_id}


def render_update(card: Card, card_id: str, public_url: str) -> TemplateCard:
    """For replacing a sent card, form B of §4.7. A final card has its outcome in place of the buttons."""
    if not card.final:
        return render_card(card, card_id, public_url)
    dead = [
        {"text": DONE_TEXT, "style": 4, "key": DONE_KEY}
    ]  # a button card needs one; replace_text hides it
    rest = {"button_list": dead, "replace_text": card.final, "task_id": card_id}
    return {"card_type": "button_interaction", **_body(card, with_final=False), **_menu(card.menu), **rest}


def left_out(card: Card) -> list[str]:
    """What the text under the facts has no room for; for the gallery and its test."""
    full = len("\n".join(_lines(card, with_final=True)))
    return [f"sub_title_text: {full} characters, {TEXT_CHARS} are shown"] if full > TEXT_CHARS else []


def _body(card: Card, *, with_final: bool = True) -> TemplateCard:
    title = {"title": card.heading} | ({"desc": card.subtitle} if card.subtitle else {})
    body: TemplateCard = {"main_title": title}
    facts = [{"keyname": f.label, "value": f.value} for f in card.fields[:MAX_FACTS]]
    if facts:
        body["horizontal_content_list"] = facts
    text = _fit(_lines(card, with_final=with_final), card.footer)
    return body | ({"sub_title_text": text} if text else {})


def _lines(card: Card, *, with_final: bool) -> list[str]:
    outcome = [card.final] if card.final and with_final else []
    facts = [_line(f) for f in card.fields[MAX_FACTS:]]
    return [*outcome, *facts, *card.lines, *([card.footer] if card.footer else [])]


def _line(field: Field) -> str:
    return f"{field.label}：{field.value}"


def _fit(lines: list[str], footer: str) -> str:
    """Cut what a phone would cut, but never the footer: the short trace id stands there."""
    text = "\n".join(lines)
    if len(text) <= TEXT_CHARS:
        return text
    tail = f"…\n{footer}" if footer else "…"
    return text[: max(TEXT_CHARS - len(tail), 0)].rstrip() + tail


def _menu(menu: tuple[Button, ...]) -> TemplateCard:
    if not menu:
        return {}
    actions = [{"text": b.text, "key": b.action} for b in menu]
    return {"action_menu": {"desc": MENU_TITLE, "action_list": actions}}


def _button(button: Button) -> TemplateCard:
    return {"text": button.text, "style": STYLES[button.style], "key": button.action}
