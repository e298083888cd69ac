"""The neutral card drawn with a DingTalk card template (dingtalk.md §6.2, §6.7)."""

from __future__ import annotations

import orjson

from cards.model import Button, Card, Style
from integrations.chat.dingtalk.inbound import MARK
from integrations.chat.dingtalk.markdown import lines, plain

PUBLIC_TEMPLATE = "1366a1eb-bc54-4859-ac88-517c56a9acb1.schema"
OWN_BUTTONS = 6  # button1 … button6 of the template in deploy/dingtalk
_COLOURS = {Style.PRIMARY: "blue", Style.NORMAL: "gray", Style.DANGER: "red"}

Params = dict[str, str]  # a cardParamMap: every value is a string


def params(card: Card, template: str, chat_id: str = "") -> Params:
    """`template` public | own; `chat_id` the group the card hangs in."""
    return own_params(card, chat_id) if template == "own" else public_params(card, chat_id)


def public_params(card: Card, chat_id: str = "") -> Params:
    """For the public Markdown-with-buttons template."""
    return {
        "title": card.heading,
        "logo": "",
        "markdown": lines([plain(card.subtitle), body(card)]),
        "tips": tips(card),
        "sys_full_json_obj": _json({"msgButtons": buttons(card, chat_id)}),
    }


def own_params(card: Card, chat_id: str = "") -> Params:
    """For the template shipped in deploy/dingtalk: each button is a text and an action variable.

    Empty texts hide their buttons; a `status` hides them all. `buttons` is the same list in one variable.
    """
    shown = buttons(card, chat_id)
    found = {
        "title": card.heading,
        "content": lines([plain(card.subtitle), body(card)]),
        "tips": tips(card),
        "status": card.final,
        "chat": chat_id,
        "buttons": _json(shown),
    }
    live = () if card.final else (*card.buttons, *card.menu)
    for number in range(1, OWN_BUTTONS + 1):
        button = live[number - 1] if number <= len(live) else None
        found[f"button{number}_text"] = button.text if button else ""
        found[f"button{number}_action"] = button.action if button else ""
    return found


def body(card: Card) -> str:
    """Facts and short paragraphs as Markdown."""
    facts = [f"**{plain(field.label)}** {plain(field.value)}" for field in card.fields]
    return lines([*facts, *(plain(line) for line in card.lines)])


def tips(card: Card) -> str:
    """The small print: the final word, how to ask for the rare actions by typing, the footer."""
    if not card.final:
        return card.footer
    rare = "、".join(f"「{button.command}」" for button in card.menu)
    return " · ".join(part for part in (card.final, f"可发 {rare}" if rare else "", card.footer) if part)


def buttons(card: Card, chat_id: str = "") -> list[dict[str, object]]:
    """The main buttons, then the rare ones in gray; none once the card is final.

    A tap gives back `id` and `params`; `id` alone is enough should a template drop the parameters.
    """
    if card.final:
        return []
    main = [_button(button, _COLOURS[button.style], chat_id) for button in card.buttons]
    return [*main, *(_button(button, "gray", chat_id) for button in card.menu)]


def _button(button: Button, colour: str, chat_id: str) -> dict[str, object]:
    given = {"action": button.action, **({MARK: chat_id} if chat_id else {})}
    return {"text": button.text, "color": colour, "id": button.action, "request": True, "params": given}


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
