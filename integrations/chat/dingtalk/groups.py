"""Groups this app makes: never two for one key, as far as that can be known (dingtalk.md §7)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from cards.door import GroupMade
from domain.chat import Account
from domain.clock import Clock
from integrations.chat.dingtalk.answers import ApiError, Kind
from integrations.chat.dingtalk.client import Client
from integrations.chat.dingtalk.group_kinds import NAME_CHARACTERS, SCENE, GroupId, kind_of
from integrations.chat.dingtalk.group_people import Made, add_to, create_with, of_app
from integrations.chat.dingtalk.group_robot import bring_robot

MOST = 1000  # members
REMEMBERED = 2000  # keys of this process
DOUBT = timedelta(minutes=10)  # how long after a lost answer nobody may try the same key again

Value = TypeVar("Value")


@dataclass(frozen=True)
class _Known:
    group: GroupId
    missing: tuple[Account, ...]


class Groups:
    """An internal group has no idempotency at the platform: what this process made is remembered by its key, and
    where an earlier attempt may have made one that nobody knows of, a person is asked to look."""

    def __init__(self, client: Client, app: str, clock: Clock) -> None:
        self._client = client
        self._app = app
        self._clock = clock
        self._made: OrderedDict[str, _Known] = OrderedDict()
        self._clean: OrderedDict[str, int] = (
            OrderedDict()
        )  # key → its last attempt, known to have made nothing
        self._doubtful: OrderedDict[str, datetime] = OrderedDict()  # key → until when

    async def create(self, name: str, accounts: Sequence[Account], *, key: str, attempt: int) -> GroupMade:
        """The first account is to own the group."""
        known = self._made.get(key)
        if known is None:
            known = await self._make(name, accounts, key, attempt)
        to_do = await bring_robot(self._client, known.group.chat_id, name[:NAME_CHARACTERS])
        return GroupMade(known.group.chat_id, known.missing, to_do, known.group.handle)

    async def _make(self, name: str, accounts: Sequence[Account], key: str, attempt: int) -> _Known:
        people, missing = of_app(accounts, self._app)
        if len(people) > MOST:
            raise ApiError(Kind.REFUSED, "member.exceed", f"一个群最多 {MOST} 人，要拉的有 {len(people)} 人")
        scene = bool(self._client.settings.group_template_id)
        if not scene:
            self._refuse_doubt(name, key, attempt)
        kind = kind_of(self._client, SCENE if scene else "")
        try:
            made = await create_with(self._client, people, partial(kind.create, name, key))
        except ApiError as error:
            if error.kind is Kind.LOST:
                _keep(self._doubtful, key, self._clock.now() + DOUBT)
            else:
                _keep(self._clean, key, attempt)
            raise
        known = _Known(made.group, (*missing, *made.missing))
        _keep(self._made, key, known)  # before anything else can fail: the group is there
        late = await self._add_late(made)
        if late:
            known = _Known(made.group, (*known.missing, *late))
            _keep(self._made, key, known)
        return known

    async def _add_late(self, made: Made) -> list[Account]:
        """Those who could not come in with the others. The group stands, so a failure only leaves people out."""
        kind = kind_of(self._client, made.group.handle)
        try:
            return await add_to(self._client, made.left, partial(kind.add, made.group))
        except ApiError:
            return list(made.left.values())

    def _refuse_doubt(self, name: str, key: str, attempt: int) -> None:
        forgotten = (
            attempt > 1 and self._clean.get(key) != attempt - 1
        )  # of another process, or before a restart
        until = self._doubtful.get(key)
        if forgotten or (until is not None and self._clock.now() < until):
            raise ApiError(
                Kind.REFUSED,
                "group_unknown",
                f"上次建群没有收到钉钉的回答，可能已经建好：请看钉钉里有没有群“{name[:NAME_CHARACTERS]}”。"
                "有就把机器人加进去，在群里 @它 发“群号”；没有就 10 分钟后再发起一次"
                "（用接口建的群到了约 1000 个的上限也会这样）",
            )

    async def change(
        self, chat_id: str, *, add: Sequence[Account], remove: Sequence[Account], name: str, handle: str
    ) -> GroupMade:
        handle = handle or next(
            (known.group.handle for known in self._made.values() if known.group.chat_id == chat_id), ""
        )
        if not handle:
            raise ApiError(
                Kind.REFUSED, "no_handle", "改这个群要用建群时得到的编号：请群主在 群设置 里改群名或成员"
            )
        group, kind = GroupId(chat_id, handle), kind_of(self._client, handle)
        coming, missing = of_app(add, self._app)
        leaving, _ = of_app(remove, self._app)
        if name:
            await kind.rename(group, name)
        missing += await add_to(self._client, coming, partial(kind.add, group))
        if leaving:
            await kind.remove(group, list(leaving))
        return GroupMade(chat_id, tuple(missing), handle=handle)


def _keep(kept: OrderedDict[str, Value], key: str, value: Value) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)
