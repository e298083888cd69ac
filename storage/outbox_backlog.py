"""What waits to be sent behind each door, and whether it was tried in vain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from storage.engines import Engines
from storage.instants import maybe_instant
from storage.tables import outbox as table

_t = table.c
_IN_VAIN = sa.and_(_t.attempts > 0, _t.error != "")  # a wait that was named counts no failure


@dataclass(frozen=True)
class DoorBacklog:
    """`waiting` messages; those tried in vain go to `failed_lanes` chats, the first was written at `failed_since` and
    its last error is `error`."""

    waiting: int = 0
    failed_lanes: int = 0
    failed_since: datetime | None = None
    error: str = ""


async def by_door(
    engines: Engines, doors: Sequence[tuple[str, str]]
) -> Mapping[tuple[str, str], DoorBacklog]:
    """One for each of these doors (platform, app)."""

    def run(connection: Connection) -> dict[tuple[str, str], DoorBacklog]:
        return {door: _of(connection, f"{door[0]}:{door[1]}:") for door in doors}

    return await engines.scan(run)


def _of(connection: Connection, lanes: str) -> DoorBacklog:
    here = sa.and_(_t.due.is_not(None), _t.lane.startswith(lanes, autoescape=True))
    failed = sa.case((_IN_VAIN, _t.lane))
    since = sa.func.min(sa.case((_IN_VAIN, _t.created_at)))
    counts = sa.select(sa.func.count(), sa.func.count(sa.distinct(failed)), since).where(here)
    waiting, failed_lanes, failed_since = connection.execute(counts).one()
    if not failed_lanes:
        return DoorBacklog(int(waiting))
    first = sa.select(_t.error).where(here, _IN_VAIN).order_by(_t.created_at, _t.id).limit(1)
    error = str(connection.execute(first).scalar() or "")
    return DoorBacklog(int(waiting), int(failed_lanes), maybe_instant(failed_since), error)
