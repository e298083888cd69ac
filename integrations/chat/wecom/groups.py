"""Groups this app makes: send-only, under a chat id that follows from our own key (wecom.md §5.1)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cards.door import GroupMade, Refused
from domain.chat import Account
from domain.clock import Clock
from integrations.chat.wecom.client import WeComClient
from integrations.chat.wecom.errors import ApiRefused, Misconfigured
from integrations.chat.wecom.sender import is_user_id
from integrations.chat.wecom.settings import WeComSettings

LEAST, MOST = 2, 2000  # members
NAME_CHARACTERS = 50  # the platform cuts what is longer
EXISTS = "86215"
UNKNOWN_CHAT = frozenset({"86001", "86003", "40050"})
FOREIGN_CHAT = "86008"
BAD_MEMBER = frozenset(
    {"86216", "86007", "40003", "40031", "60111"}
)  # one is enough to refuse the whole call
NOT_A_MEMBER = frozenset({"60111", "60011", "50002", "60021", "40003"})  # what user/get says of one person
SCOPE = frozenset({"48002", "60011"})
KNOWN_FOR = timedelta(minutes=10)  # members leave by hand and nobody tells us
MOST_KNOWN = 500  # groups whose members are remembered


class Groups:
    """Groups of one app, with their members as last read."""

    def __init__(self, client: WeComClient, app: str, settings: WeComSettings, clock: Clock) -> None:
        self._client = client
        self._app = app
        self._settings = settings
        self._clock = clock
        self._known: dict[str, tuple[tuple[str, ...], datetime]] = {}

    def chat_id(self, key: str) -> str:
        """32 letters and digits, the same for the same key; two apps of a corp never meet."""
        whole = f"{self._settings.corp_id}/{self._settings.agent_id}/{key}"
        return hashlib.sha256(whole.encode()).hexdigest()[:32]

    async def members(self, chat_id: str) -> Sequence[str]:
        """Who is in the group; read again now and then."""
        known = self._known.get(chat_id)
        if known is not None and self._clock.now() < known[1]:
            return known[0]
        info = await self._read(chat_id)
        return tuple(map(str, info.get("userlist") or ()))

    async def create(self, name: str, owner: Account, members: Sequence[Account], key: str) -> GroupMade:
        """Idempotent: what exists under the key's chat id is ours."""
        chat_id = self.chat_id(key)
        people, missing = self._ours((owner, *members))
        try:
            made = await self._create(chat_id, name, list(people))
        except ApiRefused as error:
            unknown = await self._unknown(people, error)
            missing += [people.pop(user) for user in unknown]
            made = await self._create(chat_id, name, list(people))
        if not made:
            missing += await self._absent(chat_id, people)
        return GroupMade(chat_id, tuple(missing))

    async def _create(self, chat_id: str, name: str, users: list[str]) -> bool:
        """False: the group is there already."""
        if not LEAST <= len(users) <= MOST:
            raise Refused(f"建群要 {LEAST} 到 {MOST} 人，现在能进群的有 {len(users)} 人", code="86006")
        body = {"name": _cut(name), "owner": users[0], "userlist": users, "chatid": chat_id}
        try:
            # Repeating is safe under our own chat id, so a lost answer may be asked for again.
            await self._client.post("appchat/create", body, effect=False)
        except (ApiRefused, Misconfigured) as error:
            if error.code == EXISTS:
                return False
            if error.code in SCOPE:
                raise Refused(
                    "应用不能建群：企业微信只让可见范围是整个企业的应用建群，请在管理后台 → 应用管理 → 自建应用 → "
                    f"可见范围 里选根部门（{error.code}）",
                    code=error.code,
                ) from None
            raise
        self._remember(chat_id, users)
        return True

    async def _absent(self, chat_id: str, people: Mapping[str, Account]) -> list[Account]:
        """Who of the wanted is not in a group that an earlier attempt made."""
        info = await self._read(chat_id)
        inside = {str(user).casefold() for user in info.get("userlist") or ()}
        return [account for user, account in people.items() if user.casefold() not in inside]

    async def change(
        self, chat_id: str, *, add: Sequence[Account], remove: Sequence[Account], name: str
    ) -> GroupMade:
        """Only what is not so already is asked for: repeating does nothing."""
        info = await self._read(chat_id)
        inside = {str(user).casefold(): str(user) for user in info.get("userlist") or ()}
        people, missing = self._ours(add)
        coming = {user: account for user, account in people.items() if user.casefold() not in inside}
        leaving = [inside[user.casefold()] for user in self._ours(remove)[0] if user.casefold() in inside]
        body = _renamed(info, name) | {"chatid": chat_id}
        try:
            await self._update(body, info, list(coming), leaving)
        except ApiRefused as error:
            unknown = await self._unknown(coming, error)
            await self._update(body, info, [user for user in coming if user not in unknown], leaving)
            missing += [coming[user] for user in unknown]
        return GroupMade(chat_id, tuple(missing))

    async def _update(
        self, body: dict[str, Any], info: Mapping[str, Any], coming: list[str], leaving: list[str]
    ) -> None:
        stay = [str(user) for user in info.get("userlist") or () if user not in leaving] + coming
        if leaving and len(stay) < LEAST:
            raise Refused(f"群里至少要留 {LEAST} 人，移走后只剩 {len(stay)} 人", code="86006")
        changes = body | ({"add_user_list": coming} if coming else {})
        if leaving:
            changes |= {"del_user_list": leaving}
            changes |= {"owner": stay[0]} if info.get("owner") in leaving else {}
        if len(changes) > 1:  # more than the chat id
            await self._client.post("appchat/update", changes, effect=False)
            self._remember(str(body["chatid"]), stay)

    async def _read(self, chat_id: str) -> Mapping[str, Any]:
        try:
            answer = await self._client.get("appchat/get", chatid=chat_id)
        except ApiRefused as error:
            if error.code in UNKNOWN_CHAT or error.code == FOREIGN_CHAT:
                raise Refused("企业微信里没有这个群，或者它不是本应用建的", code=error.code) from None
            raise
        info = answer.get("chat_info")
        found: Mapping[str, Any] = info if isinstance(info, dict) else {}
        self._remember(chat_id, [str(user) for user in found.get("userlist") or ()])
        return found

    async def _unknown(self, people: Iterable[str], error: ApiRefused) -> set[str]:
        """Who of these made the platform refuse the whole call; the refusal itself when it was nobody."""
        if error.code not in BAD_MEMBER:
            raise error
        users = list(people)
        strange = {
            user
            for user, bad in zip(users, await asyncio.gather(*map(self._is_unknown, users)), strict=True)
            if bad
        }
        if not strange:
            raise error
        return strange

    async def _is_unknown(self, user: str) -> bool:
        try:
            await self._client.get("user/get", userid=user)
        except ApiRefused as error:
            return error.code in NOT_A_MEMBER
        return False

    def _ours(self, accounts: Iterable[Account]) -> tuple[dict[str, Account], list[Account]]:
        """Userids of this app's corp, each once, and the accounts that cannot be one."""
        people: dict[str, Account] = {}
        missing: list[Account] = []
        taken: set[str] = set()
        for account in accounts:
            user = account.user_id
            if (account.platform, account.app) != ("wecom", self._app) or not is_user_id(user):
                missing += [account] if account not in missing else []
            elif user.casefold() not in taken:
                taken.add(user.casefold())
                people[user] = account
        return people, missing

    def _remember(self, chat_id: str, users: Sequence[str]) -> None:
        self._known.pop(chat_id, None)
        self._known[chat_id] = (tuple(users), self._clock.now() + KNOWN_FOR)
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]


def _cut(name: str) -> str:
    return name.strip()[:NAME_CHARACTERS] or "前哨"


def _renamed(info: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {"name": _cut(name)} if name and _cut(name) != info.get("name") else {}
