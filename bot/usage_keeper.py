"""Writes down what the doors spend, and says how sparing to be: the ledger behind `额度`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from bot.logs import log
from bot.metrics import Metrics
from cards.door import ChatDoor
from cards.scene import Scene
from domain.chat import Recipient
from domain.clock import shanghai
from domain.outbox import SendText
from domain.staff import Role
from domain.usage import KINDS, SAVING_WORDS, Saving, Standing, UsageDay, since, standings
from storage.database import Database
from storage.errors import StorageUnavailable

SECONDS = 5.0  # between two entries: what a killed process spent since its last one is not in the ledger


class _Counter(Protocol):
    def totals(self) -> tuple[int, int]: ...


@runtime_checkable
class CountsUsage(Protocol):
    """A door that knows what it spent: calls and messages of the present month, since its start."""

    @property
    def usage(self) -> _Counter: ...


@dataclass
class UsageKeeper:
    db: Database
    doors: Mapping[tuple[str, str], ChatDoor]
    scene: Scene
    metrics: Metrics
    standings: tuple[Standing, ...] = ()
    _seen: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    _task: asyncio.Task[None] | None = None

    def saving(self, platform: str) -> Saving:
        """How sparing to be with this platform now: the tightest of its budgets decides."""
        return max((one.saving for one in self.standings if one.platform == platform), default=Saving.NONE)

    def start(self) -> None:
        self._task = asyncio.create_task(self._loop(), name="usage keeper")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            await self._keep()

    async def _loop(self) -> None:
        while True:
            await self._keep()
            await asyncio.sleep(SECONDS)

    async def _keep(self) -> None:
        try:
            await self.note()
        except StorageUnavailable as error:
            log.error("the usage ledger could not be written", error=str(error))

    async def note(self) -> None:
        """Enter what was spent since the last time, and judge the budgets anew."""
        today = shanghai(self.scene.clock.now()).date()
        uow = self.db.unit_of_work("usage")
        totals: dict[tuple[str, str], tuple[int, int]] = {}
        for (platform, app), door in self.doors.items():
            if not isinstance(door, CountsUsage):
                continue
            calls, messages = totals[platform, app] = door.usage.totals()
            before = self._seen.get((platform, app), (0, 0))
            if calls < before[0] or messages < before[1]:
                before = (0, 0)  # a new month began
            if (calls, messages) != before:
                uow.usage.add(UsageDay(platform, app, today, calls - before[0], messages - before[1]))
        await uow.commit()
        self._seen.update(totals)
        days = await uow.usage.days(since(today))
        self.standings = standings(days, self.scene.policies.messages, today)
        for one in self.standings:
            self.metrics.budget.labels(one.platform, one.kind).set(1 - one.share)
        await self._tell(today.strftime("%Y-%m"))

    async def _tell(self, month: str) -> None:
        """Each level of each budget is told to the administrators once a month."""
        uow = self.db.unit_of_work("usage")
        for one in self.standings:
            if one.saving is Saving.NONE:
                continue
            key = f"usage.{one.platform}.{one.kind}.{month}.{one.saving.name}"
            for to in self.scene.people_of(self.scene.directory.with_roles(frozenset({Role.ADMIN}))):
                uow.send(SendText(to, _words(one)), key=f"{key}.{_account(to)}")
        await uow.commit()


def _account(to: Recipient) -> str:
    return str(to.account)


def _words(one: Standing) -> str:
    end = f"，按现在的用量 {one.runs_out:%m-%d} 用完" if one.runs_out else ""
    return (
        f"{one.platform} 本月{KINDS[one.kind]}已用 {one.used}/{one.limit}（{one.share:.0%}）{end}。"
        f"现在：{SAVING_WORDS[one.saving]}。发“额度”看详情，升级版本后改 policies.messages.budgets"
    )
