"""Group webhooks: one secret key in the URL, one group, no buttons (wecom.md §5.3)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

from sandbox.wecom import cards, content
from sandbox.wecom.apps import letters
from sandbox.wecom.errors import WecomError
from sandbox.wecom.gate import Call
from sandbox.wecom.media import MB, MediaLibrary
from sandbox.wecom.throttle import HOUR, Window
from sandbox.wecom.timeline import CARD, Copy, Timeline
from sandbox.world import World

PER_MINUTE = 20
MARKDOWN_BYTES = 4096


@dataclass
class Robot:
    key: str
    chat: str
    name: str
    disabled: bool = False


class Webhooks:
    """webhook/send and webhook/upload_media; robots are added by a person, here by POST /apps."""

    def __init__(self, world: World, timeline: Timeline, media: MediaLibrary) -> None:
        self._world = world
        self._timeline = timeline
        self._media = media
        self._window = Window(world.clock)
        self._robots = {key: Robot(**doc) for key, doc in world.store.all("wecom.webhook")}

    def add(self, options: dict[str, Any]) -> dict[str, Any]:
        """A person adds a robot to a group; `chat` names the group, else it is one of its own."""
        key = letters(36)
        chat = str(options.get("chat") or f"webhook-{key[:8]}")
        robot = Robot(key, chat, str(options.get("name") or "消息推送"))
        self._robots[robot.key] = robot
        self._world.store.put("wecom.webhook", robot.key, vars(robot))
        url = f"{self._world.base}/wecom/cgi-bin/webhook/send?key={robot.key}"
        return {"app": robot.name, "key": robot.key, "chat": robot.chat, "webhook_url": url}

    def _robot(self, call: Call) -> Robot:
        robot = self._robots.get(call.query.get("key", ""))
        if robot is None:
            raise WecomError(93000)
        if robot.disabled:
            raise WecomError(93004)
        return robot

    def send(self, call: Call) -> dict[str, Any]:
        robot = self._robot(call)
        draft = self._read(str(call.body.get("msgtype")), call.body)
        if not self._window.admit(robot.key, PER_MINUTE, PER_MINUTE * HOUR):
            raise WecomError(45009)
        draft.chat, draft.app = robot.chat, robot.name
        call.message_id = draft.id
        self._timeline.add(draft)
        return {}

    def _read(self, kind: str, body: dict[str, Any]) -> Copy:
        copy = Copy(id=letters(50), user="", app="", sender="bot", type=kind)
        part = body.get(kind)
        if not isinstance(part, dict):
            raise WecomError(40008)
        if kind in ("markdown", "markdown_v2"):
            copy.text = str(part.get("content") or "")
            if not copy.text:
                raise WecomError(44004)
            if len(copy.text.encode()) > MARKDOWN_BYTES:
                raise WecomError(40058, f"{kind}.content exceed max length {MARKDOWN_BYTES}")
        elif kind == CARD:
            copy.card = _display_card(part)
        elif kind == "image":
            copy.text = _check_image(part)
        elif kind in ("text", "news", "file", "voice"):
            seen = content.read(kind, body, self._media.name)
            copy.text, copy.cut, copy.media_id, copy.url = seen.text, seen.cut, seen.media_id, seen.url
        else:
            raise WecomError(40008)
        return copy

    def upload(self, call: Call) -> dict[str, Any]:
        self._robot(call)
        if call.query.get("type") not in ("file", "voice"):
            raise WecomError(40005)
        return self._media.upload(call)


def _display_card(card: dict[str, Any]) -> dict[str, Any]:
    if card.get("card_type") not in ("text_notice", "news_notice") or card.get("action_menu"):
        raise WecomError(40008)
    return cards.check(card)


def _check_image(part: dict[str, Any]) -> str:
    try:
        data = base64.b64decode(str(part.get("base64") or ""), validate=True)
    except binascii.Error as error:
        raise WecomError(40058, "image.base64 is not base64") from error
    if not data or len(data) > 2 * MB:
        raise WecomError(45001)
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != part.get("md5"):
        raise WecomError(301019, "image md5 mismatch")
    return "[图片]"
