"""Calls and messages spent against the platforms' limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from domain.usage import UsageDay
from storage.engines import Engines
from storage.pending import Pending
from storage.usage_tables import usage_days as table

_t = table.c
_SINCE = sa.select(table).where(_t.day >= sa.bindparam("since")).order_by(_t.day, _t.platform, _t.app)


class SqlUsage:
    """`domain.usage.Usage` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending

    async def days(self, since: date) -> Sequence[UsageDay]:
        rows = await self._engines.read(lambda c: c.execute(_SINCE, {"since": since.isoformat()}).all())
        return [
            UsageDay(row.platform, row.app, date.fromisoformat(row.day), row.calls, row.messages)
            for row in rows
        ]

    def add(self, spent: UsageDay) -> None:
        key = ("usage", spent.platform, spent.app, spent.day)
        self._pending.later[key] = lambda connection, _now: _add(connection, spent)


def _add(connection: Connection, spent: UsageDay) -> None:
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    row = {
        "platform": spent.platform,
        "app": spent.app,
        "day": spent.day.isoformat(),
        "calls": spent.calls,
        "messages": spent.messages,
    }
    more = {"calls": _t.calls + insert.excluded.calls, "messages": _t.messages + insert.excluded.messages}
    keys = ["platform", "app", "day"]
    connection.execute(insert.values(row).on_conflict_do_update(index_elements=keys, set_=more))
