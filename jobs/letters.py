"""Dead letters that nobody wrote down yet: given up by a process that died just then, or by the queue itself.

What a process gives up it writes down at once (bot/notices.py); this watch makes sure of the rest, follows what was
put back until it is delivered, and ends troubles whose last letter is settled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cards.letter_people import duty
from domain.letter_note import note_change
from jobs.registry import JobContext, Watch

PIECE = 50
# A look costs 5 µs for each letter that is open, and a watch is woken by every commit of an order.
EVERY = timedelta(seconds=2)


@dataclass
class _Follower:
    """When this process looked last; another process that takes over simply looks at once."""

    looked: datetime | None = None

    async def next_due(self, ctx: JobContext) -> datetime | None:
        now = ctx.clock.now()
        if self.looked is not None and self.looked <= now < self.looked + EVERY:
            return self.looked + EVERY
        if await ctx.unit_of_work().letters.changed(1):
            return now
        self.looked = now
        return now + EVERY

    async def work(self, ctx: JobContext) -> int:
        """Each in a transaction of its own; on Conflict the whole piece is looked at again."""
        changed = await ctx.unit_of_work().letters.changed(PIECE)
        for letter in changed:
            uow = ctx.unit_of_work()
            await note_change(uow, letter, lambda money: duty(ctx.scene, money), ctx.clock.now())
            await uow.commit()
        return len(changed)


_follower = _Follower()
WATCH = Watch("letters", _follower.next_due, _follower.work)
