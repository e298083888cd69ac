"""Which process runs a watch now: one holder at a time, taken over when it has not been heard of."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from domain.clock import Clock
from storage.alert_tables import watch_leases as table
from storage.engines import Engines
from storage.instants import to_micros

SECONDS = (
    30.0  # longer than any piece of work may take (bot/watching.py), so that only a dead process loses it
)
_RENEW = timedelta(seconds=25)  # renewed when less than this is left
_t = table.c
_TAKE = (
    sa.update(table)
    .where(
        _t.name == sa.bindparam("of"),
        sa.or_(_t.holder == sa.bindparam("me"), _t.until < sa.bindparam("now")),
    )
    .values(holder=sa.bindparam("me"), until=sa.bindparam("end"))
)
_TAKEN = sa.select(_t.name).where(
    _t.name == sa.bindparam("of"), _t.holder != sa.bindparam("me"), _t.until >= sa.bindparam("now")
)


class Leases:
    """The leases of one process, called `holder`."""

    def __init__(self, engines: Engines, clock: Clock, holder: str) -> None:
        self._engines = engines
        self._clock = clock
        self._holder = holder
        self._until: dict[str, datetime] = {}

    async def hold(self, name: str) -> bool:
        """Whether this process has the lease for the next seconds; takes or renews it when it may."""
        now = self._clock.now()
        known = self._until.get(name)
        if known is not None and now < known - _RENEW:
            return True
        if known is None and await self._others(name, now):
            return False
        end = now + timedelta(seconds=SECONDS)
        held = await self._engines.write(lambda c: _take(c, name, self._holder, now, end))
        if held:
            self._until[name] = end
        else:
            self._until.pop(name, None)
        return held

    async def _others(self, name: str, now: datetime) -> bool:
        """Whether another has it. Whoever stands by asks this all day: one way there and back, and no transaction."""
        given = {"of": name, "me": self._holder, "now": to_micros(now)}
        return await self._engines.read(lambda c: c.execute(_TAKEN, given).first() is not None)

    async def release(self) -> None:
        """Give all of them up: another process need not wait for their end."""
        if self._until:
            gone = sa.delete(table).where(_t.holder == self._holder)
            self._until.clear()
            await self._engines.write(lambda c: c.execute(gone))


def _take(connection: Connection, name: str, holder: str, now: datetime, end: datetime) -> bool:
    times = {"now": to_micros(now), "end": to_micros(end)}
    if connection.execute(_TAKE, {"of": name, "me": holder, **times}).rowcount == 1:
        return True
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    row = {"name": name, "holder": holder, "until": times["end"]}
    return connection.execute(insert.on_conflict_do_nothing(index_elements=["name"]), row).rowcount == 1
