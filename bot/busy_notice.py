"""In a busy hour: one short text to everybody whose message waits, at most one in ten minutes, never one a message.

Whoever has waited for `queue.busy_seconds` is told, in the order in which the messages came. The keys of the texts
hold the person and the ten minutes, so that several processes, and a restart, tell it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from bot.logs import log
from bot.pressure import Pressure, Standing
from bot.receive import new_trace
from cards.door import ChatDoor
from cards.scene import Scene
from domain.chat import Account, Inbound, MenuClick, Message, Recipient, Tap
from domain.outbox import SendText
from storage.database import Database
from storage.episodes import written
from storage.inbox_backlog import Waiter, waiters

AGAIN = timedelta(minutes=10)
PEOPLE = 200  # told in one round; the next second brings the next round
_ROWS = 2_000  # looked at in one round


@dataclass
class BusyNotice:
    db: Database
    scene: Scene
    doors: Mapping[tuple[str, str], ChatDoor]
    pressure: Pressure
    _after: int | None = None  # the last row that was looked at in this busy time
    _told: dict[Account, datetime] = field(default_factory=dict)

    async def round(self, standing: Standing) -> int:
        """Tell the next ones; how many."""
        if not standing.busy:
            self._after = None
            return 0
        now = self.scene.clock.now()
        after = self.pressure.first - 1 if self._after is None else self._after
        until = now - timedelta(seconds=self.pressure.busy_seconds)
        rows = await waiters(self.db.engines, after, until, now, _ROWS)
        self._told = {who: at for who, at in self._told.items() if now - at < AGAIN}
        chosen: dict[Account, tuple[Waiter, Recipient]] = {}
        for row in rows:
            after = row.id
            to = self._person(row)
            if to is not None and to.account not in self._told:
                chosen.setdefault(to.account, (row, to))
                if len(chosen) >= PEOPLE:
                    break
        told = await self._tell(chosen, standing, now)
        self._after = after
        return told

    def _person(self, row: Waiter) -> Recipient | None:
        """Whom to tell: a colleague who waits for an answer. Groups are not told, their member is."""
        door = self.doors.get((row.platform, row.app))
        if door is None:
            return None
        try:
            inbound = door.parse(row.kind, row.payload, row.key)
        except Exception:  # noqa: BLE001 - a door's bug costs a courtesy; its item is dealt with by the dispatcher
            log.warning("a waiting row could not be read", item=row.id)
            return None
        if not isinstance(inbound, Message | Tap | MenuClick):
            return None
        if self.scene.directory.by_account(inbound.account) is None:
            return None
        return _one_to_one(inbound)

    async def _tell(
        self, chosen: Mapping[Account, tuple[Waiter, Recipient]], standing: Standing, now: datetime
    ) -> int:
        slot = int(now.timestamp() // AGAIN.total_seconds())
        known = await written(self.db.engines, [_key(who, n) for who in chosen for n in (slot, slot - 1)])
        uow, told = self.db.unit_of_work(new_trace()), 0
        for who, (row, to) in chosen.items():
            last = max((known[key] for n in (slot, slot - 1) if (key := _key(who, n)) in known), default=None)
            if last is None or now - last >= AGAIN:
                uow.send(SendText(to, words(row.ahead, standing)), key=_key(who, slot))
                told += 1
                last = now
            self._told[who] = last
        await uow.commit()
        return told


def _key(who: Account, slot: int) -> str:
    return f"busy.{slot}.{who}"


def _one_to_one(inbound: Inbound) -> Recipient:
    if isinstance(inbound, Message) and not inbound.chat_id:
        return Recipient(inbound.account, "", inbound.reply_url, inbound.reply_until)
    return Recipient(inbound.account)


def words(ahead: int, standing: Standing) -> str:
    """Only what is known: without a rate there is no time."""
    before = f"，前面还有约 {about(ahead)} 条" if ahead else ""
    seconds = standing.seconds_for(ahead)
    when = f"，预计 {minutes(seconds)}" if seconds is not None else ""
    return f"现在消息多，已收到{before}{when}；不用重发"


def about(rows: int) -> str:
    """Two digits are as much as is known."""
    step = 10 ** max(0, len(str(rows)) - 2)
    return f"{round(rows / step) * step}"


def minutes(seconds: float) -> str:
    return "1 分钟内" if seconds <= 60 else f"{ceil(seconds / 60)} 分钟"
