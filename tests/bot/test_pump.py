"""What was begun and could not be settled is told as a try, whatever else is given back with it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from bot.pump import LEASE_SECONDS, Pump, Source
from bot.quiet import Quiet
from domain.chat import Recipient
from domain.outbox import SendText
from storage.database import Database
from storage.errors import StorageUnavailable
from storage.items import OutboxItem
from tests.bot.kit import Small, account, until
from tests.bot.test_deliver import send
from tests.samples import NOW

FIRST, SECOND = "wecom:main:linxiaoman", "wecom:main:zhouyu"


class Stumbling:
    """The outbox of a database that goes away in the middle of a claim, while both rows are being sent, and comes back
    for the first row before the second has noticed."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._claims = 0
        self.sent: list[tuple[str, int]] = []  # lane, and the try as the door was told
        self._away, self._back, self._noticed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        outbox = db.outbox
        self.source = Source[OutboxItem](
            "outbox",
            outbox.wake,
            self._claim,
            outbox.release,
            outbox.retry,
            outbox.next_due,
            self._hand_back,
            self._release_unknown,
        )

    async def work(self, item: OutboxItem) -> None:
        self.sent.append((item.lane, item.attempts))
        if item.attempts > 1:
            await self._db.outbox.done(item.id)
            return
        await (self._away if item.lane == FIRST else self._back).wait()
        if item.lane == SECOND:
            self._noticed.set()
        raise StorageUnavailable("gone while it was sent")

    async def _claim(self, room: int, _crowd: Mapping[str, int]) -> Sequence[OutboxItem]:
        self._claims += 1
        if self._claims == 2:
            self._away.set()
            raise StorageUnavailable("gone while it was claimed")
        return await self._db.outbox.claim(room, LEASE_SECONDS, ())

    async def _hand_back(self, item_id: int) -> object:
        self._back.set()
        await self._noticed.wait()
        return await self._db.outbox.retry(item_id, "the database was away", NOW)

    async def _release_unknown(self, known: Collection[int]) -> int:
        return await self._db.outbox.release_unknown(known)


async def test_what_may_be_out_is_never_given_back_as_if_it_was_not_begun(desk: Small) -> None:
    stumbling = Stumbling(desk.db)
    pump = Pump(stumbling.source, lambda item: (item.lane,), stumbling.work, desk.clock, Quiet(), limit=8)
    for lane in (FIRST, SECOND):
        await send(desk, SendText(Recipient(account(lane.rpartition(":")[2])), "1"), keys=(lane,))
    pump.start()
    try:
        await until(lambda: _done(desk, 2))
    finally:
        await pump.stop(1)
    assert sorted(stumbling.sent) == [(FIRST, 1), (FIRST, 2), (SECOND, 1), (SECOND, 2)]


async def _done(desk: Small, count: int) -> bool:
    return await desk.rows("SELECT count(*) FROM outbox WHERE state = 'done'") == [(count,)]
