"""A person types: into the robot's one-to-one chat, or into a group (dingtalk.md §2)."""

from __future__ import annotations

import base64
from typing import Any

from sandbox.dingtalk import frames, ids, media
from sandbox.dingtalk.media import Media
from sandbox.dingtalk.outbound import Outbound
from sandbox.dingtalk.records import App, Group, Message
from sandbox.dingtalk.tenant import Tenant
from sandbox.world import Person

KINDS = {"image", "file", "voice", "video"}


class Chat:
    """Puts what people say into windows and brings to the robot what is meant for it."""

    def __init__(self, tenant: Tenant, outbound: Outbound) -> None:
        self._tenant = tenant
        self._outbound = outbound

    async def say(
        self,
        user: str,
        text: str,
        chat: str,
        app_name: str,
        attachments: list[dict[str, Any]],
        *,
        mention: bool = False,
    ) -> dict[str, Any]:
        """`mention` counts the message as mentioning the robot whatever its text says."""
        person = self._tenant.person(user)
        if person is None:
            raise LookupError(f"no DingTalk user {user!r}")
        group = self._group(chat, user) if chat else None
        app = self._addressee(group, app_name, text)
        files = [self._attach(entry) for entry in attachments]
        sent: list[Message] = []
        for words, carried in _bubbles(text, files):
            message = self._post(app, person, group, words, carried)
            sent.append(message)
            spoken = words if mention or group is None else _without_mention(words, app.robot_name)
            if spoken is None or (group and app.name not in group.robots):
                self._tenant.mark(message.id, "unaddressed")
            else:
                await self._bring(app, person, message, group, spoken, carried)
        result = {"message_id": sent[0].id, "delivery": sent[0].delivery, "app": app.name, "chat": chat}
        return result if len(sent) == 1 else {**result, "message_ids": [message.id for message in sent]}

    def _group(self, chat: str, user: str) -> Group:
        group = self._tenant.groups.get(chat)
        if group is None or group.disbanded:
            raise LookupError(f"no DingTalk group {chat!r}")
        if user not in group.members:
            raise LookupError(f"{user!r} is not in group {group.name}")
        return group

    def _addressee(self, group: Group | None, app_name: str, text: str) -> App:
        """The app meant: the named one, else in a group the robot mentioned (or the first robot)."""
        if app_name or group is None:
            return self._tenant.app(app_name)
        robots = [self._tenant.app(name) for name in group.robots]
        mentioned = [app for app in robots if f"@{app.robot_name}" in text]
        return next(iter([*mentioned, *robots]), self._tenant.app(group.app))

    def _attach(self, entry: dict[str, Any]) -> Media:
        """`{"type": image|file|voice|video, "name", "content": Base64}`."""
        kind = str(entry.get("type") or "file")
        if kind not in KINDS:
            raise ValueError(f"attachment type {kind!r} is not one of {', '.join(sorted(KINDS))}")
        data = str(entry.get("content") or "")
        base64.b64decode(data, validate=True)
        return media.keep(
            self._tenant, Media(ids.download_code(), kind, str(entry.get("name") or kind), data)
        )

    def _post(self, app: App, person: Person, group: Group | None, text: str, files: list[Media]) -> Message:
        kind = "text" if text.strip() or not files else ("image" if files[0].kind == "image" else "file")
        shown = text if text.strip() or not files else f"[{files[0].name}]"
        content = {"media": files[0].id, "name": files[0].name} if files else {}
        return self._tenant.post(
            app,
            chat=group.cid if group else "",
            user=person.dingtalk,
            sender=person.dingtalk,
            kind=kind,
            text=shown,
            content=content,
        )

    async def _bring(
        self, app: App, person: Person, message: Message, group: Group | None, text: str, files: list[Media]
    ) -> None:
        """Each message to a robot is one of the month's; used up, it arrives without its text."""
        paid = self._tenant.quota.use("messages")
        body = frames.robot_body(text, files) if paid else frames.quota_body()
        data = frames.robot_message(self._tenant, app, person, message, group, body)
        await self._outbound.robot(app, message, data)


def _bubbles(text: str, files: list[Media]) -> list[tuple[str, list[Media]]]:
    """What leaves together: words with their pictures as one rich text, every other file by itself."""
    pictures = [found for found in files if found.kind == "image"]
    together = pictures if text.strip() else []
    alone = [found for found in files if found not in together]
    first = [(text, together)] if text.strip() or not alone else []
    return [*first, *(("", [found]) for found in alone)]


def _without_mention(text: str, robot: str) -> str | None:
    """The text as the robot gets it: the mention removed, a leading space kept; None without one."""
    mark = f"@{robot}"
    if mark not in text:
        return None
    before, _, after = text.partition(mark)
    return f"{before.rstrip()}{after}" if before.strip() else after
