"""Groups an app creates: send-only, hidden until the first message (wecom.md §5.1, §5.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sandbox.wecom import content
from sandbox.wecom.apps import letters
from sandbox.wecom.counters import Counters
from sandbox.wecom.errors import WecomError
from sandbox.wecom.gate import Call
from sandbox.wecom.media import MediaLibrary
from sandbox.wecom.recipients import Members
from sandbox.wecom.throttle import DAY, Tally
from sandbox.wecom.timeline import Copy, Timeline
from sandbox.world import Refusal, World

MEMBERS_MOST = 2000
PER_MEMBER_MINUTE, PER_MEMBER_DAY = 200, 10_000
CORP_MINUTE, CORP_HOUR = 20_000, 150_000  # person-times
CREATED_PER_DAY = 1000


@dataclass
class Chat:
    """A group; members see it only after the first message (`spoken`)."""

    chatid: str
    app: str
    name: str
    owner: str
    userlist: list[str] = field(default_factory=list)
    spoken: bool = False


class AppChats:
    """appchat/create, update, get, send."""

    def __init__(
        self, world: World, timeline: Timeline, members: Members, media: MediaLibrary, counters: Counters
    ) -> None:
        self._world = world
        self._timeline = timeline
        self._members = members
        self._media = media
        self._counters = counters
        self._tally = Tally(world.clock)
        self.chats = {key: Chat(**doc) for key, doc in world.store.all("wecom.chat")}

    def _save(self, chat: Chat) -> None:
        self.chats[chat.chatid] = chat
        self._world.store.put("wecom.chat", chat.chatid, vars(chat))
        self._world.publish({"event": "chat", "platform": "wecom", "chat": chat.chatid})

    def _userlist(self, users: Any) -> list[str]:
        if not isinstance(users, list):
            raise WecomError(86204)
        found = [self._members.find(str(user)) for user in users]
        if None in found:
            raise WecomError(86216)
        return list(dict.fromkeys(person.wecom for person in found if person))

    def create(self, call: Call) -> dict[str, Any]:
        if call.app.scope:
            raise WecomError(48002)
        chatid = str(call.body.get("chatid") or letters(32))
        users = self._userlist(call.body.get("userlist"))
        if len(chatid) > 32:
            raise WecomError(86205)
        if not re.fullmatch(r"[0-9A-Za-z]+", chatid):
            raise WecomError(86001)
        if chatid in self.chats:
            raise WecomError(86215)
        if not 2 <= len(users) <= MEMBERS_MOST:
            raise WecomError(86006)
        owner = str(call.body.get("owner") or users[0])
        if owner not in users:
            raise WecomError(86207)
        if not self._tally.admit("create", CREATED_PER_DAY, DAY):
            raise WecomError(45009)
        name = str(call.body.get("name") or "群聊")[:50]
        self._save(Chat(chatid, call.app.name, name, owner, users))
        return {"chatid": chatid}

    def _owned(self, call: Call, chatid: Any) -> Chat:
        if not isinstance(chatid, str) or not chatid:
            raise WecomError(86001)
        chat = self.chats.get(chatid)
        if chat is None:
            raise WecomError(86003)
        if chat.app != call.app.name:
            raise WecomError(86008)
        return chat

    def update(self, call: Call) -> dict[str, Any]:
        chat = self._owned(call, call.body.get("chatid"))
        added = self._userlist(call.body.get("add_user_list") or [])
        removed = self._userlist(call.body.get("del_user_list") or [])
        users = [u for u in dict.fromkeys([*chat.userlist, *added]) if u not in removed]
        owner = str(call.body.get("owner") or chat.owner)
        if not 2 <= len(users) <= MEMBERS_MOST:
            raise WecomError(86006)
        if owner not in users:
            if call.body.get("owner"):
                raise WecomError(86207)
            owner = users[0]
        chat.name = str(call.body.get("name") or chat.name)[:50]
        chat.owner, chat.userlist = owner, users
        self._save(chat)
        return {}

    def get(self, call: Call) -> dict[str, Any]:
        chat = self._owned(call, call.query.get("chatid"))
        info = {"chatid": chat.chatid, "name": chat.name, "owner": chat.owner, "userlist": chat.userlist}
        return {"chat_info": info}

    def send(self, call: Call) -> dict[str, Any]:
        chat = self._owned(call, call.body.get("chatid"))
        kind = str(call.body.get("msgtype"))
        if kind not in content.KNOWN or kind == "miniprogram_notice":
            raise WecomError(40008)
        seen = content.read(kind, call.body, self._media.name)
        people = len(chat.userlist)
        minute = self._tally.admit("corp", CORP_MINUTE, 60, people)
        if not minute or not self._tally.admit("corp", CORP_HOUR, 3600, people):
            raise WecomError(45009)
        reached = [user for user in chat.userlist if self._reaches(call.app.name, user)]
        copy = Copy(id=letters(50), user="", chat=chat.chatid, app=call.app.name, sender="bot", type=kind)
        copy.text, copy.cut, copy.media_id, copy.url = seen.text, seen.cut, seen.media_id, seen.url
        copy.dropped = not reached
        call.message_id = copy.id
        self._timeline.add(copy)
        self._counters.add(call.app.name, "dropped" if copy.dropped else "accepted")
        if not chat.spoken:
            chat.spoken = True
            self._save(chat)
        return {}

    def _reaches(self, app: str, user: str) -> bool:
        minute = self._tally.admit((app, user), PER_MEMBER_MINUTE, 60)
        return minute and self._tally.admit((app, user), PER_MEMBER_DAY, DAY)

    def check_inside(self, chatid: str, user: str) -> None:
        """For the control API: only members speak in a group the app made."""
        chat = self.chats.get(chatid)
        if chat is not None and user not in chat.userlist:
            raise Refusal(f"chat: {user!r} is not in group {chat.name!r}", 409)

    def leave(self, chatid: str, user: str) -> dict[str, Any]:
        """A member leaves by hand; nobody tells the app."""
        chat = self.chats.get(chatid)
        if chat is None:
            raise Refusal(f"chat: no WeCom group {chatid!r}", 404)
        self.check_inside(chatid, user)
        chat.userlist.remove(user)
        if chat.owner == user and chat.userlist:
            chat.owner = chat.userlist[0]
        self._save(chat)
        return {"chat": chatid, "name": chat.name, "members": chat.userlist}

    def listing(self, user: str = "") -> list[dict[str, Any]]:
        """Groups as members see them: hidden until the first message."""
        visible = [c for c in self.chats.values() if c.spoken and (not user or user in c.userlist)]
        return [
            {"platform": "wecom", "chat": c.chatid, "name": c.name, "members": c.userlist} for c in visible
        ]
