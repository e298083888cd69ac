"""What people do in the WeCom client: type, send things, open the app, press the menu, tap cards (§3)."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Any

from sandbox.wecom import card_view, inbound, menu, switches
from sandbox.wecom.appchat import AppChats
from sandbox.wecom.apps import App, Apps
from sandbox.wecom.codes import Codes
from sandbox.wecom.delivery import Delivery, Postman
from sandbox.wecom.gate import Part
from sandbox.wecom.media import MediaLibrary
from sandbox.wecom.recipients import Members
from sandbox.wecom.timeline import Copy, Timeline
from sandbox.world import Refusal, World

EVENTS = (
    "enter_agent",
    "click",
    "view",
    "subscribe",
    "unsubscribe",
    "LOCATION",
    "scancode_push",
    "scancode_waitmsg",
)
MEDIA_KINDS = ("image", "voice", "video", "file")
NO_FILES = "no page lists files among the callbacks of an app; the switch wecom.deliver_files delivers them"


class Client:
    """Turns what a person does into callbacks to the app's URL."""

    def __init__(
        self,
        world: World,
        apps: Apps,
        members: Members,
        timeline: Timeline,
        media: MediaLibrary,
        codes: Codes,
        postman: Postman,
        chats: AppChats,
    ) -> None:
        self._world = world
        self._apps = apps
        self._members = members
        self._timeline = timeline
        self._media = media
        self._codes = codes
        self._postman = postman
        self._chats = chats

    def _common(self, app: App, user: str) -> inbound.Common:
        spelling = switches.value(self._world, "agent_id_element")
        return inbound.Common(app.corp_id, user, app.agent_id, self._world.clock.epoch(), spelling)

    def _listening(self, user: str, name: str) -> tuple[str, App]:
        """The member and the app that hears them; 409 while nothing can be delivered."""
        app = self._apps.get(name)
        member = self._members.expect(user).wecom
        if not app.sees(member):
            raise Refusal(f"user: {member!r} is outside the visible scope of app {app.name!r}", 409)
        if not app.callback_url:
            raise Refusal(
                f"app: {app.name!r} has no callback URL; POST /sandbox/apps/wecom/{app.name} {{callback_url}}",
                409,
            )
        return member, app

    def say(
        self, user: str, text: str, *, chat: str, app: str, attachments: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Text first, then each attachment as a message of its own."""
        if not text and not attachments:
            raise Refusal("text: expected some text or an attachment")
        if chat:
            return self._say_in_group(user, chat, text, attachments)
        member, target = self._listening(user, app)
        sent = [self._say_text(member, target, text)] if text else []
        sent += [self._attach(member, target, item) for item in attachments]
        result = _said(sent)
        if any(copy.delivery == "not_delivered" for copy in sent):
            result["reason"] = NO_FILES
        return result

    def _say_in_group(
        self, user: str, chat: str, text: str, attachments: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """A group's members hear each other; the app never does (§5.4)."""
        member = self._members.expect(user).wecom
        self._chats.check_inside(chat, member)
        copies = (
            [Copy(id=_message_id(), user="", app="", sender=member, type="text", text=text)] if text else []
        )
        copies += [self._attached(member, "", item)[0] for item in attachments]
        for copy in copies:
            copy.user, copy.chat, copy.delivery = "", chat, "not_delivered"
            self._timeline.add(copy)
        return {**_said(copies), "reason": "a self-built app never receives group messages"}

    def _say_text(self, member: str, app: App, text: str) -> Copy:
        copy = Copy(id=_message_id(), user=member, app=app.name, sender=member, type="text", text=text)
        return self._speak(app, copy, [("Content", text)])

    def _speak(self, app: App, copy: Copy, fields: inbound.Fields) -> Copy:
        """Show what the member said and send it on its way."""
        copy.delivery = "pending"
        if copy.type == "file" and not switches.is_on(self._world, "deliver_files"):
            copy.delivery = "not_delivered"
            return self._timeline.add(copy)
        self._timeline.add(copy)
        plain = self._common(app, copy.user).message(copy.type, copy.id, fields)
        self._postman.post(Delivery(app, copy.user, plain, about=copy))
        return copy

    def _attach(self, member: str, app: App, item: dict[str, Any]) -> Copy:
        return self._speak(app, *self._attached(member, app.name, item))

    def _attached(self, member: str, app: str, item: dict[str, Any]) -> tuple[Copy, inbound.Fields]:
        kind = str(item.get("type", ""))
        media_id = self._store(kind, item) if kind in MEDIA_KINDS else ""
        fields = inbound.attachment(kind, item, media_id, f"{self._world.base}/wecom/img/{media_id}")
        if fields is None:
            raise Refusal(f"attachments.type: {kind!r}; expected image, voice, video, file, location or link")
        shown = str(item.get("name") or item.get("label") or item.get("title") or f"[{kind}]")
        copy = Copy(id=_message_id(), user=member, app=app, sender=member, type=kind, text=shown)
        copy.media_id = media_id
        return copy, fields

    def _store(self, kind: str, item: dict[str, Any]) -> str:
        if item.get("media_id"):
            return str(item["media_id"])
        try:
            data = base64.b64decode(str(item.get("content") or ""), validate=True)
        except binascii.Error as error:
            raise Refusal("attachments.content: expected base64") from error
        name = str(item.get("name") or kind)
        stored = "permanent" if kind == "image" else kind  # PicUrl must open without a token
        return self._media.add(
            stored, Part(name, str(item.get("mime") or "application/octet-stream"), data)
        ).id

    def event(self, user: str, kind: str, key: str, app: str) -> dict[str, Any]:
        """`enter_agent`, a menu `click`, or another event of §3.3."""
        member, target = self._listening(user, app)
        if kind not in EVENTS:
            raise Refusal(f"event: {kind!r}; expected one of {', '.join(EVENTS)}")
        if kind == "click" and target.menu is not None:
            keys = [str(entry.get("key")) for entry in menu.entries(target) if entry.get("type") == "click"]
            if key not in keys:
                raise Refusal(f"key: the menu has no {key!r}; it has {', '.join(keys)}", 409)
        fields: list[tuple[str, inbound.Value]] = [("EventKey", key)]
        if kind.startswith("scancode"):
            fields.append(("ScanCodeInfo", [("ScanType", "barcode"), ("ScanResult", key)]))
        plain = self._common(target, member).event(kind, fields)
        self._postman.post(Delivery(target, member, plain))
        return {"event": kind, "message_id": ""}

    def tap(
        self, user: str, message_id: str, action: str, inputs: dict[str, Any], *, forge: bool
    ) -> dict[str, Any]:
        """Tap a button, the submit button or a menu entry; each tap has a response_code of its own."""
        member = self._members.expect(user).wecom
        copy = self._card(member, message_id, forge=forge)
        card = copy.card or {}
        key, from_menu = (action, False) if forge else _shown_action(copy, action)
        selected = None if from_menu else _selected(card, inputs, forge=forge)
        member, app = self._listening(member, copy.app)
        fields = inbound.card_event(
            key=key,
            task_id=copy.task_id,
            card_type=str(card.get("card_type", "")),
            response_code=self._codes.issue(app.name, copy.id, member),
            selected=selected,
        )
        kind = "template_card_menu_event" if from_menu else "template_card_event"
        plain = self._common(app, member).event(kind, fields)
        if copy.user == member:
            copy.pending = key
            self._timeline.touch(copy)
        self._postman.post(Delivery(app, member, plain, card=copy))
        return {"message_id": copy.id, "event": kind, "action": key, "task_id": copy.task_id}

    def _card(self, member: str, message_id: str, *, forge: bool) -> Copy:
        copy = self._timeline.get(message_id, member)
        if copy is None and forge:
            copy = next(iter(self._timeline.copies(message_id)), None)
        if copy is None:
            raise Refusal(f"message_id: {member!r} has no message {message_id!r}", 404)
        if copy.card is None:
            raise Refusal("message_id: this message is not a card and has no buttons", 409)
        if (copy.dropped or copy.recalled) and not forge:
            raise Refusal("message_id: the member does not see this message (dropped or recalled)", 409)
        return copy


def _said(copies: list[Copy]) -> dict[str, Any]:
    result: dict[str, Any] = {"message_id": copies[0].id, "delivery": copies[0].delivery}
    return result if len(copies) == 1 else {**result, "message_ids": [copy.id for copy in copies]}


def _message_id() -> str:
    """A 64-bit MsgId."""
    return str(secrets.randbelow(8 * 10**18) + 10**18)


def _shown_action(copy: Copy, action: str) -> tuple[str, bool]:
    """(key, is it from the corner menu) of what the client shows under this key or text."""
    shown = card_view.render(copy.card or {}, copy.replace_name, copy.pending)
    live = [b for b in shown["buttons"] if not b["disabled"]]
    for button in live:
        if action in (button["action"], button["text"]) and action:
            if not button["action"]:
                raise Refusal(
                    f"action: {action!r} opens {button.get('url')}; nothing is sent to the bot", 409
                )
            return str(button["action"]), False
    submit = shown.get("submit")
    if submit and action in (submit["action"], submit["text"]):
        return str(submit["action"]), False
    for entry in shown["menu"]:
        if action in (entry["action"], entry["text"]):
            return str(entry["action"]), True
    offered = [b["action"] or b["text"] for b in live] + [e["action"] for e in shown["menu"]]
    offered += [submit["action"]] if submit else []
    raise Refusal(f"action: the card shows no {action!r}", 409, state=shown["state"], offered=offered)


def _selected(card: dict[str, Any], inputs: dict[str, Any], *, forge: bool) -> dict[str, list[str]]:
    """Chosen option ids by question: what was preselected, changed by `inputs`."""
    questions = {q["question_key"]: q for q in card_view.questions(card)}
    chosen = {key: card_view.preselected(card, question) for key, question in questions.items()}
    for key, value in inputs.items():
        options = [str(v) for v in value] if isinstance(value, list) else [str(value)]
        if not forge:
            _check_choice(questions, key, options)
        chosen[key] = options
    return chosen


def _check_choice(questions: dict[str, dict[str, Any]], key: str, options: list[str]) -> None:
    question = questions.get(key)
    if question is None:
        raise Refusal(
            f"inputs: the card has no question {key!r}; it has {', '.join(questions) or 'none'}", 409
        )
    ids = [option["id"] for option in question["option_list"]]
    unknown = [option for option in options if option not in ids]
    if unknown or question.get("disable"):
        raise Refusal(f"inputs.{key}: {', '.join(unknown) or 'frozen'}; options are {', '.join(ids)}", 409)
    if len(options) > 1 and not card_view.is_multiple(question):
        raise Refusal(f"inputs.{key}: expected one option", 409)
