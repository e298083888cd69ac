"""Messages in both spellings the platform has: msgKey with msgParam, and webhook body (dingtalk.md §5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

import orjson

from cards.model import Button, Card
from integrations.chat.dingtalk.card import body, tips
from integrations.chat.dingtalk.markdown import BREAK, lines, plain
from integrations.chat.dingtalk.payload import Json
from integrations.chat.dingtalk.text import split

DTMD = "dtmd://dingtalkclient/sendMessage?content="
MAX_ACTIONS = 5  # sampleActionCard2 … sampleActionCard5; more become words


@dataclass(frozen=True)
class Form:
    """One message, for the robot API (`msg_key`, `msg_param`) and for a webhook (`webhook`, empty where a webhook
    cannot carry it: pictures and files)."""

    msg_key: str
    msg_param: dict[str, str]
    webhook: Json

    @property
    def param_text(self) -> str:
        return orjson.dumps(self.msg_param).decode()


def text_form(text: str) -> Form:
    return Form("sampleText", {"content": text}, {"msgtype": "text", "text": {"content": text}})


def markdown_form(title: str, text: str) -> Form:
    part = {"title": title, "text": text}
    return Form("sampleMarkdown", part, {"msgtype": "markdown", "markdown": part})


def command_link(command: str) -> str:
    """A link that makes the person who taps it say `command`."""
    return DTMD + quote(command, safe="")


def command_of(link: str) -> str:
    """The words a command link says; "" for any other link."""
    return unquote(link.removeprefix(DTMD)) if link.startswith(DTMD) else ""


def action_card_form(card: Card) -> Form:
    """The card as an ActionCard: its buttons type the command. Nobody can change it later."""
    live = () if card.final else (*card.buttons, *card.menu)
    shown, rest = live[:MAX_ACTIONS], live[MAX_ACTIONS:]
    small = f"> {plain(tips(card))}" if tips(card) else ""
    more = f"更多请发：{'、'.join(plain(button.command) for button in rest)}" if rest else ""
    heading = f"#### {plain(card.heading)}"
    text = f"{heading}\n\n{lines([plain(card.subtitle), body(card), more])}\n\n{small}".rstrip()
    title = card.summary or card.heading
    return _with_buttons(title, text, shown) if shown else markdown_form(title, text)


def _with_buttons(title: str, text: str, shown: tuple[Button, ...]) -> Form:
    pairs = [(button.text, command_link(button.command)) for button in shown]
    links = [{"title": label, "actionURL": url} for label, url in pairs]
    side_by_side = len(pairs) == 2
    webhook: Json = {
        "msgtype": "actionCard",
        "actionCard": {
            "title": title,
            "text": text,
            "btnOrientation": "1" if side_by_side else "0",
            "btns": links,
        },
    }
    given = {"title": title, "text": text}
    if len(pairs) == 1:
        return Form(
            "sampleActionCard", {**given, "singleTitle": pairs[0][0], "singleURL": pairs[0][1]}, webhook
        )
    first, second = ("buttonTitle", "buttonUrl") if side_by_side else ("actionTitle", "actionURL")
    for number, (label, url) in enumerate(pairs, 1):
        given |= {f"{first}{number}": label, f"{second}{number}": url}
    return Form("sampleActionCard6" if side_by_side else f"sampleActionCard{len(pairs)}", given, webhook)


def command_text(card: Card, *, group: bool) -> str:
    """The card as plain words, with the commands one may type; the last resort, and what groups get.

    In a group a tapped command link need not reach the robot (dingtalk.md §14 row 11).
    """
    live = () if card.final else (*card.buttons, *card.menu)
    facts = [f"{field.label}：{field.value}" for field in card.fields]
    ask = ("@我 发送：" if group else "可以发送：") if live else ""
    commands = [f"· {button.command}（{button.text}）" for button in live]
    parts = [card.heading, card.subtitle, *facts, *card.lines, ask, *commands, tips(card)]
    return "\n".join(part for part in parts if part)


def image_form(media_id: str) -> Form:
    return Form("sampleImageMsg", {"photoURL": media_id}, {})


def file_form(media_id: str, name: str, kind: str) -> Form:
    """`kind` is the name's suffix without the dot: xlsx, pdf …"""
    return Form("sampleFile", {"mediaId": media_id, "fileName": name, "fileType": kind}, {})


def text_forms(text: str) -> list[Form]:
    return [text_form(part) for part in split(text)]


def marked(form: Form, mark: str) -> Form:
    """The same message with `mark` in front of what people read first; a picture has no words to mark."""
    if form.msg_key == "sampleText":
        return text_form(mark + form.msg_param["content"])
    if form.msg_key == "sampleFile":
        return Form(form.msg_key, {**form.msg_param, "fileName": mark + form.msg_param["fileName"]}, {})
    if form.msg_key == "sampleImageMsg":
        return form
    param = {
        **form.msg_param,
        "title": mark + form.msg_param["title"],
        "text": mark + BREAK + form.msg_param["text"],
    }
    kind = str(form.webhook["msgtype"])
    part = form.webhook[kind]
    assert isinstance(part, dict)
    return Form(
        form.msg_key, param, {**form.webhook, kind: {**part, "title": param["title"], "text": param["text"]}}
    )
