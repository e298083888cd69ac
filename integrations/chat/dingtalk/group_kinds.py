"""The two kinds of groups an app can make, and the calls of each (dingtalk.md §7.1, §7.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from integrations.chat.dingtalk.answers import ApiError, Kind
from integrations.chat.dingtalk.client import Client
from integrations.chat.dingtalk.payload import Json, object_of, text_of

NAME_CHARACTERS, TITLE_CHARACTERS = 20, 30  # of an internal and of a scene group; we cut what is longer
SCENE = "scene"  # the handle of a scene group: its open id is enough for every call
OPTIONS = {
    "mentionAllAuthority": 0,
    "showHistoryType": 1,  # who comes later reads what was said before
    "validationType": 0,
    "searchable": 0,
    "chatBannedType": 0,
    "managementType": 0,
}
SCENE_OPTIONS = {
    "mention_all_authority": 0,
    "show_history_type": 1,
    "validation_type": 0,
    "searchable": 0,
    "chat_banned_type": 0,
    "management_type": 0,
}


@dataclass(frozen=True)
class GroupId:
    """`chat_id` is the openConversationId, `handle` the chatid of an internal group or SCENE."""

    chat_id: str
    handle: str


class GroupKind(Protocol):
    async def create(self, name: str, key: str, owner: str, users: Sequence[str]) -> GroupId: ...
    async def add(self, group: GroupId, users: Sequence[str]) -> None: ...
    async def remove(self, group: GroupId, users: Sequence[str]) -> None: ...
    async def rename(self, group: GroupId, name: str) -> None: ...


@dataclass(frozen=True)
class Internal:
    """An ordinary internal group. Making one twice makes two."""

    client: Client

    async def create(self, name: str, key: str, owner: str, users: Sequence[str]) -> GroupId:  # noqa: ARG002 - scene groups have a key
        body: Json = {
            "name": _cut(name, NAME_CHARACTERS),
            "owner": owner,
            "ownerType": "emp",
            "useridlist": list(users),
            "conversationTag": 2,
            "managementOptions": OPTIONS,
        }
        found = await self.client.api("POST", "/v1.0/im/group/create", body)
        return GroupId(text_of(found.get("openConversationId")), text_of(found.get("chatid")))

    async def add(self, group: GroupId, users: Sequence[str]) -> None:
        await self._update(group, add_useridlist=list(users))

    async def rename(self, group: GroupId, name: str) -> None:
        await self._update(group, name=_cut(name, NAME_CHARACTERS))

    async def remove(self, group: GroupId, users: Sequence[str]) -> None:
        """An owner who leaves hands the group to somebody who stays."""
        found = await self.client.old("GET", "/chat/get", {}, repeatable=True, chatid=group.handle)
        info = object_of(found.get("chat_info"))
        stay = _staying(info.get("useridlist"), users)
        owner = {"owner": stay[0]} if text_of(info.get("owner")) in users else {}
        await self._update(group, del_useridlist=list(users), **owner)

    async def _update(self, group: GroupId, **changes: object) -> None:
        body: Json = {"chatid": group.handle, **changes}
        await self.client.api("POST", "/v1.0/im/group/update", body, repeatable=True)


@dataclass(frozen=True)
class Scene:
    """A group made from a published template: the same uuid gives the same group, so each call may be repeated."""

    client: Client

    async def create(self, name: str, key: str, owner: str, users: Sequence[str]) -> GroupId:
        body: Json = {
            "title": _cut(name, TITLE_CHARACTERS),
            "template_id": self.client.settings.group_template_id,
            "owner_user_id": owner,
            "user_ids": list(users),
            "subadmin_ids": [],
            "uuid": hashlib.sha256(key.encode()).hexdigest()[:32],
            "management_options": SCENE_OPTIONS,
        }
        found = await self._call("create", body)
        return GroupId(text_of(found.get("open_conversation_id")), SCENE)

    async def add(self, group: GroupId, users: Sequence[str]) -> None:
        await self._members("member/add", group, users)

    async def remove(self, group: GroupId, users: Sequence[str]) -> None:
        await self._hand_over(group, users)
        await self._members("member/delete", group, users)

    async def _hand_over(self, group: GroupId, users: Sequence[str]) -> None:
        """An owner who leaves hands the group to somebody who stays."""
        ask: Json = {"openConversationId": group.chat_id}
        found = await self.client.api("POST", "/v1.0/im/sceneGroups/query", ask, repeatable=True)
        if text_of(found.get("ownerUserId")) not in users:
            return
        listed = await self.client.api(
            "POST", "/v1.0/im/sceneGroups/members/batchQuery", {**ask, "maxResults": 1000}, repeatable=True
        )
        owner = _staying(listed.get("memberUserIds"), users)[0]
        await self._call("update", {"open_conversation_id": group.chat_id, "owner_user_id": owner})

    async def rename(self, group: GroupId, name: str) -> None:
        await self._call(
            "update", {"open_conversation_id": group.chat_id, "title": _cut(name, TITLE_CHARACTERS)}
        )

    async def _members(self, what: str, group: GroupId, users: Sequence[str]) -> None:
        await self._call(
            what, {"open_conversation_id": group.chat_id, "user_ids": list(users), "union_ids": []}
        )

    async def _call(self, what: str, body: Json) -> Json:
        return await self.client.api("POST", f"/v1.0/im/sceneGroup/{what}", body, repeatable=True)


def _staying(inside: object, leaving: Sequence[str]) -> list[str]:
    stay = (
        [text_of(user) for user in inside if text_of(user) not in leaving] if isinstance(inside, list) else []
    )
    if not stay:
        raise ApiError(Kind.REFUSED, "last_member", "群里至少要留一个人")
    return stay


def kind_of(client: Client, handle: str) -> GroupKind:
    return Scene(client) if handle == SCENE else Internal(client)


def _cut(name: str, most: int) -> str:
    return name.strip()[:most] or "前哨"
