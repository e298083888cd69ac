"""Checks of a template card before it is accepted, with the codes of wecom.md §11.3."""

from __future__ import annotations

import re
from typing import Any

from sandbox.wecom.card_view import INTERACTIVE
from sandbox.wecom.errors import WecomError

Card = dict[str, Any]
KINDS = ("text_notice", "news_notice", *INTERACTIVE)
TASK_ID = re.compile(r"[0-9A-Za-z_\-@]{1,128}")
KEY_BYTES = 1024
OPTION_BYTES = 128


def _refuse_unless(condition: object, code: int, text: str = "") -> None:
    if not condition:
        raise WecomError(code, text)


def _part(card: Card, name: str) -> Card:
    part = card.get(name)
    if part is None:
        return {}
    _refuse_unless(isinstance(part, dict), 40058, f"template_card.{name} is not an object")
    return dict(part)


def _items(card: Card, name: str) -> list[Card]:
    items = card.get(name) or []
    is_list = isinstance(items, list) and all(isinstance(item, dict) for item in items)
    _refuse_unless(is_list, 40058, f"template_card.{name} is not a list of objects")
    return list(items)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_short(value: object, limit: int) -> bool:
    return isinstance(value, str) and 0 < len(value.encode()) <= limit


def _check_url(url: object) -> None:
    _refuse_unless(_is_text(url), 42028)
    _refuse_unless("://" in str(url), 45034)


def _check_target(part: Card, name: str, allowed: tuple[int, ...] = (0, 1, 2), code: int = 40058) -> None:
    """A jump: type 0 nothing, 1 url, 2 mini-program."""
    kind = part.get("type", 0)
    _refuse_unless(kind in allowed and not isinstance(kind, bool), code, f"invalid {name}.type")
    if kind == 1:
        _check_url(part.get("url"))
    if kind == 2:
        _refuse_unless(_is_text(part.get("appid")), 42030)


def check(card: object, *, update: bool = False) -> Card:
    """Refuse a card WeCom would refuse; on update task_id is ignored and so not checked (§4.7)."""
    if not isinstance(card, dict):
        raise WecomError(40058, "template_card is not an object")
    kind = card.get("card_type")
    _refuse_unless(kind in KINDS, 42031)
    _check_heading(card, str(kind))
    if not update and needs_task_id(card):
        task_id = card.get("task_id")
        _refuse_unless(isinstance(task_id, str) and TASK_ID.fullmatch(task_id), 42014)
    if kind in ("text_notice", "news_notice", "button_interaction"):
        _check_facts(card)
        _check_card_action(card, str(kind))
    _CHECKS[str(kind)](card)
    return card


def needs_task_id(card: Card) -> bool:
    return card.get("card_type") in INTERACTIVE or bool(card.get("action_menu"))


def has_callback(card: Card) -> bool:
    """Such a card gets a response_code and needs a callback URL on the app."""
    return needs_task_id(card)


def _check_heading(card: Card, kind: str) -> None:
    source, title = _part(card, "source"), _part(card, "main_title")
    _refuse_unless(source.get("desc_color", 0) in (0, 1, 2, 3), 40058, "invalid source.desc_color")
    has_title = _is_text(title.get("title"))
    if kind == "text_notice":
        has_title = has_title or _is_text(card.get("sub_title_text"))
    _refuse_unless(has_title, 42033, "missing main_title.title")
    if kind in ("text_notice", "news_notice", "button_interaction") and card.get("action_menu"):
        _check_menu(_part(card, "action_menu"))


def _check_menu(menu: Card) -> None:
    actions = _items(menu, "action_list")
    _refuse_unless(1 <= len(actions) <= 3, 40058, "invalid action_list length")
    for action in actions:
        _refuse_unless(_is_text(action.get("text")), 40058, "missing action_list text")
        _refuse_unless(_is_short(action.get("key"), KEY_BYTES), 40058, "invalid action_list key")
    _refuse_unless(len({a["key"] for a in actions}) == len(actions), 42051)


def _check_facts(card: Card) -> None:
    quote = _part(card, "quote_area")
    _check_target(quote, "quote_area")
    facts = _items(card, "horizontal_content_list")
    _refuse_unless(len(facts) <= 6, 42035)
    for fact in facts:
        _refuse_unless(_is_text(fact.get("keyname")), 42027)
        kind = fact.get("type", 0)
        _refuse_unless(kind in (0, 1, 2, 3), 40058, "invalid horizontal_content_list.type")
        if kind == 1:
            _check_url(fact.get("url"))
        _refuse_unless(kind != 2 or _is_text(fact.get("media_id")), 42029)
        _refuse_unless(kind != 3 or _is_text(fact.get("userid")), 42050)


def _check_card_action(card: Card, kind: str) -> None:
    action = _part(card, "card_action")
    if kind == "button_interaction":
        _check_target(action, "card_action", code=42045)
        return
    _check_target(action, "card_action", (1, 2), 42045)


def _check_jumps(card: Card) -> None:
    jumps = _items(card, "jump_list")
    _refuse_unless(len(jumps) <= 3, 42042)
    for jump in jumps:
        _refuse_unless(_is_text(jump.get("title")), 42033)
        _check_target(jump, "jump_list")


def _check_text_notice(card: Card) -> None:
    _part(card, "emphasis_content")
    _check_jumps(card)


def _check_news_notice(card: Card) -> None:
    _check_jumps(card)
    verticals = _items(card, "vertical_content_list")
    _refuse_unless(len(verticals) <= 4, 42036)
    for vertical in verticals:
        _refuse_unless(_is_text(vertical.get("title")), 42033)
    image, area = _part(card, "card_image"), _part(card, "image_text_area")
    _refuse_unless(image or area, 42044)
    if image:
        _refuse_unless(_is_text(image.get("url")), 42044)
        ratio = image.get("aspect_ratio", 1.3)
        in_range = isinstance(ratio, int | float) and 1.3 <= ratio <= 2.25
        _refuse_unless(in_range, 40058, "invalid card_image.aspect_ratio")
    if area:
        _refuse_unless(_is_text(area.get("image_url")), 42044)
        _check_target(area, "image_text_area")


def _check_button_interaction(card: Card) -> None:
    if card.get("button_selection") is not None:
        _check_question(_part(card, "button_selection"), 10)
    buttons = _items(card, "button_list")
    _refuse_unless(1 <= len(buttons) <= 6, 42038, "invalid button_list length")
    keys = []
    for button in buttons:
        _refuse_unless(_is_text(button.get("text")), 42038)
        kind = button.get("type", 0)
        _refuse_unless(kind in (0, 1), 40058, "invalid button_list.type")
        _refuse_unless(button.get("style", 1) in (1, 2, 3, 4), 40058, "invalid button_list.style")
        if kind == 1:
            _check_url(button.get("url"))
            continue
        _refuse_unless(_is_short(button.get("key"), KEY_BYTES), 42039)
        keys.append(button["key"])
    _refuse_unless(len(set(keys)) == len(keys), 42039, "button key conflict")


def _check_question(question: Card, most: int) -> None:
    _refuse_unless(_is_short(question.get("question_key"), KEY_BYTES), 42043)
    options = _items(question, "option_list")
    _refuse_unless(1 <= len(options) <= most, 42037)
    for option in options:
        _refuse_unless(_is_short(option.get("id"), OPTION_BYTES), 42040)
        _refuse_unless(_is_text(option.get("text")), 42041)
    ids = [option["id"] for option in options]
    _refuse_unless(len(set(ids)) == len(ids), 42040, "option id conflict")
    selected = question.get("selected_id")
    _refuse_unless(not selected or selected in ids, 42040, "selected_id is not an option")


def _check_submit(card: Card) -> None:
    submit = _part(card, "submit_button")
    _refuse_unless(_is_text(submit.get("text")), 42049)
    _refuse_unless(_is_short(submit.get("key"), KEY_BYTES), 42046)


def _check_vote(card: Card) -> None:
    checkbox = _part(card, "checkbox")
    _refuse_unless(checkbox.get("mode", 0) in (0, 1), 40058, "invalid checkbox.mode")
    _check_question(checkbox, 20)
    _check_submit(card)


def _check_multiple(card: Card) -> None:
    selects = _items(card, "select_list")
    _refuse_unless(1 <= len(selects) <= 3, 42047)
    for select in selects:
        _check_question(select, 10)
    keys = {select["question_key"] for select in selects}
    _refuse_unless(len(keys) == len(selects), 42043, "question_key conflict")
    _check_submit(card)


_CHECKS = {
    "text_notice": _check_text_notice,
    "news_notice": _check_news_notice,
    "button_interaction": _check_button_interaction,
    "vote_interaction": _check_vote,
    "multiple_interaction": _check_multiple,
}
