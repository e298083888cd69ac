"""Every count, byte and required rule of a template card (wecom.md §4.3, §4.4), checked before sending."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

KEY_BYTES = 1024
ID_BYTES = 128
URL_BYTES = 2048
TASK_ID = re.compile(r"[0-9A-Za-z_\-@]{1,128}")
NOTICES = frozenset({"text_notice", "news_notice"})
INTERACTIVE = frozenset({"button_interaction", "vote_interaction", "multiple_interaction"})

# where a phone cuts, in characters: path in the card -> length; [] walks a list
DISPLAY = {
    "source.desc": 20,
    "main_title.title": 36,
    "main_title.desc": 44,
    "emphasis_content.title": 14,
    "emphasis_content.desc": 22,
    "sub_title_text": 160,
    "horizontal_content_list[].keyname": 5,
    "horizontal_content_list[].value": 30,
    "vertical_content_list[].title": 38,
    "vertical_content_list[].desc": 160,
    "jump_list[].title": 18,
    "button_list[].text": 10,
    "button_selection.title": 13,
    "button_selection.option_list[].text": 16,
    "select_list[].title": 13,
    "select_list[].option_list[].text": 16,
    "checkbox.option_list[].text": 17,
    "submit_button.text": 10,
}

Part = Mapping[str, Any]
Problems = Iterator[str]


def lint_card(card: Part) -> list[str]:
    """What WeCom would refuse, as `path: rule`; empty when the card may be sent."""
    kind = card.get("card_type")
    if kind not in NOTICES | INTERACTIVE:
        return [f"card_type: {kind!r} is none of the five (42031)"]
    return [*_heading(card, kind), *_task(card, kind), *_shared(card, kind), *_RULES[kind](card)]


def display_cuts(card: Part) -> list[str]:
    """Texts a phone would cut with '…', as `path: length > shown`."""
    return [
        f"{path}: {len(value)} > {limit}"
        for path, limit in DISPLAY.items()
        for value in _values(card, path.split("."))
        if len(value) > limit
    ]


def _values(part: object, path: list[str]) -> Iterator[str]:
    if not path:
        if isinstance(part, str):
            yield part
    elif isinstance(part, Mapping):
        name = path[0].removesuffix("[]")
        below = part.get(name)
        for item in below if path[0].endswith("[]") and isinstance(below, list) else [below]:
            yield from _values(item, path[1:])


def _heading(card: Part, kind: str) -> Problems:
    titled = _filled(_part(card, "main_title").get("title"))
    if not titled and not (kind == "text_notice" and _filled(card.get("sub_title_text"))):
        yield "main_title.title: missing (42033)"
    if _part(card, "source").get("desc_color", 0) not in (0, 1, 2, 3):
        yield "source.desc_color: 0 to 3"


def _task(card: Part, kind: str) -> Problems:
    task_id = card.get("task_id")
    needed = kind in INTERACTIVE or "action_menu" in card
    if (needed or task_id is not None) and not (isinstance(task_id, str) and TASK_ID.fullmatch(task_id)):
        yield "task_id: 1 to 128 of 0-9 A-Z a-z _ - @ (42014)"


def _shared(card: Part, kind: str) -> Problems:
    """What notices and button cards share."""
    if kind not in NOTICES | {"button_interaction"}:
        return
    yield from _menu(card)
    yield from _target(card.get("quote_area"), "quote_area", (0, 1, 2))
    facts = _items(card, "horizontal_content_list")
    if len(facts) > 6:
        yield "horizontal_content_list: at most 6 (42035)"
    for i, fact in enumerate(facts):
        yield from _fact(fact, f"horizontal_content_list[{i}]")
    action = card.get("card_action")
    if kind in NOTICES:
        if not isinstance(action, Mapping) or action.get("type") not in (1, 2):
            yield "card_action.type: a notice needs 1 or 2 (42045)"
        jumps = _items(card, "jump_list")
        if len(jumps) > 3:
            yield "jump_list: at most 3 (42042)"
        for i, jump in enumerate(jumps):
            yield from _required(jump, "title", f"jump_list[{i}]", 42033)
            yield from _target(jump, f"jump_list[{i}]", (0, 1, 2))
    yield from _target(action, "card_action", (0, 1, 2))


def _menu(card: Part) -> Problems:
    if "action_menu" not in card:
        return
    actions = _items(_part(card, "action_menu"), "action_list")
    if not 1 <= len(actions) <= 3:
        yield "action_menu.action_list: 1 to 3"
    for i, action in enumerate(actions):
        yield from _required(action, "text", f"action_menu.action_list[{i}]", 40058)
        yield from _bytes(action.get("key"), f"action_menu.action_list[{i}].key", KEY_BYTES)
    yield from _distinct([a.get("key") for a in actions], "action_menu.action_list: keys (42051)")


def _fact(fact: Part, path: str) -> Problems:
    yield from _required(fact, "keyname", path, 42027)
    kind = fact.get("type", 0)
    if kind not in (0, 1, 2, 3):
        yield f"{path}.type: 0 to 3"
    if kind == 1:
        yield from _url(fact.get("url"), path)
    if kind == 2:
        yield from _required(fact, "media_id", path, 42029)
    if kind == 3:
        yield from _required(fact, "userid", path, 42050)


def _text_notice(_card: Part) -> Problems:
    yield from ()


def _news_notice(card: Part) -> Problems:
    verticals = _items(card, "vertical_content_list")
    if len(verticals) > 4:
        yield "vertical_content_list: at most 4 (42036)"
    for i, vertical in enumerate(verticals):
        yield from _required(vertical, "title", f"vertical_content_list[{i}]", 42033)
    if "card_image" not in card and "image_text_area" not in card:
        yield "card_image: it or image_text_area (42044)"
    if "card_image" in card:
        yield from _url(_part(card, "card_image").get("url"), "card_image")
        if not 1.3 <= _part(card, "card_image").get("aspect_ratio", 1.3) <= 2.25:
            yield "card_image.aspect_ratio: 1.3 to 2.25"
    if "image_text_area" in card:
        yield from _url(_part(card, "image_text_area").get("image_url"), "image_text_area")
        yield from _target(card["image_text_area"], "image_text_area", (0, 1, 2))


def _button_interaction(card: Part) -> Problems:
    buttons = _items(card, "button_list")
    if not 1 <= len(buttons) <= 6:
        yield "button_list: 1 to 6 (42038)"
    for i, button in enumerate(buttons):
        path = f"button_list[{i}]"
        yield from _required(button, "text", path, 42038)
        if button.get("style", 1) not in (1, 2, 3, 4):
            yield f"{path}.style: 1 to 4"
        if button.get("type", 0) == 1:
            yield from _url(button.get("url"), path)
        else:
            yield from _bytes(button.get("key"), f"{path}.key", KEY_BYTES)
    keys = [b.get("key") for b in buttons if b.get("type", 0) != 1]
    yield from _distinct(keys, "button_list: keys (42039)")
    if "button_selection" in card:
        yield from _question(_part(card, "button_selection"), "button_selection", 10)


def _vote_interaction(card: Part) -> Problems:
    yield from _question(_part(card, "checkbox"), "checkbox", 20)
    if _part(card, "checkbox").get("mode", 0) not in (0, 1):
        yield "checkbox.mode: 0 or 1"
    yield from _submit(card)


def _multiple_interaction(card: Part) -> Problems:
    selects = _items(card, "select_list")
    if not 1 <= len(selects) <= 3:
        yield "select_list: 1 to 3 (42047)"
    for i, select in enumerate(selects):
        yield from _question(select, f"select_list[{i}]", 10)
    yield from _distinct([s.get("question_key") for s in selects], "select_list: question_keys (42043)")
    yield from _submit(card)


def _question(question: Part, path: str, most: int) -> Problems:
    yield from _bytes(question.get("question_key"), f"{path}.question_key", KEY_BYTES)
    options = _items(question, "option_list")
    if not 1 <= len(options) <= most:
        yield f"{path}.option_list: 1 to {most} (42037)"
    for i, option in enumerate(options):
        yield from _bytes(option.get("id"), f"{path}.option_list[{i}].id", ID_BYTES)
        yield from _required(option, "text", f"{path}.option_list[{i}]", 42041)
    ids = [o.get("id") for o in options]
    yield from _distinct(ids, f"{path}.option_list: ids (42040)")
    if question.get("selected_id") and question["selected_id"] not in ids:
        yield f"{path}.selected_id: not an option"


def _submit(card: Part) -> Problems:
    yield from _required(_part(card, "submit_button"), "text", "submit_button", 42049)
    yield from _bytes(_part(card, "submit_button").get("key"), "submit_button.key", KEY_BYTES)


def _target(part: object, path: str, kinds: tuple[int, ...]) -> Problems:
    """A jump: type 0 nothing, 1 url, 2 mini-program."""
    if part is None:
        return
    if not isinstance(part, Mapping) or part.get("type", 0) not in kinds:
        yield f"{path}.type: one of {kinds}"
        return
    if part.get("type") == 1:
        yield from _url(part.get("url"), path)
    if part.get("type") == 2:
        yield from _required(part, "appid", path, 42030)


def _url(url: object, path: str) -> Problems:
    if not isinstance(url, str) or not url:
        yield f"{path}.url: missing (42028)"
    elif "://" not in url:
        yield f"{path}.url: needs a scheme (45034)"
    elif len(url.encode()) > URL_BYTES:
        yield f"{path}.url: over {URL_BYTES} bytes (40039)"


def _required(part: Part, name: str, path: str, code: int) -> Problems:
    if not _filled(part.get(name)):
        yield f"{path}.{name}: missing ({code})"


def _bytes(value: object, path: str, limit: int) -> Problems:
    if not isinstance(value, str) or not 0 < len(value.encode()) <= limit:
        yield f"{path}: 1 to {limit} bytes"


def _distinct(values: list[object], path: str) -> Problems:
    if len(set(values)) != len(values):
        yield f"{path} repeat"


def _filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _part(card: Part, name: str) -> Part:
    part = card.get(name)
    return part if isinstance(part, Mapping) else {}


def _items(card: Part, name: str) -> list[Part]:
    items = card.get(name)
    return [i if isinstance(i, Mapping) else {} for i in items] if isinstance(items, list) else []


_RULES: dict[str, Callable[[Part], Problems]] = {
    "text_notice": _text_notice,
    "news_notice": _news_notice,
    "button_interaction": _button_interaction,
    "vote_interaction": _vote_interaction,
    "multiple_interaction": _multiple_interaction,
}
