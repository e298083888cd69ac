"""Outbox rows that this version cannot read: during a release a newer process may have written them, so they are put
off for that one (docs/decisions/0018). Only when nobody has taken one for a long time is it given up."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from storage.items import READY, RUNNING
from storage.tables import outbox, outbox_attempts

LEFT = "left"  # outcome of the first try that could not read the row: from then on its waiting is counted
AGAIN = timedelta(seconds=5)  # until whoever comes first looks at it again
PATIENCE = timedelta(hours=1)
_t = outbox.c
_a = outbox_attempts.c


def leave(connection: Connection, item_id: int, why: str, now: int, patience: timedelta) -> bool:
    """Ready again soon, the try not counted. False when it has waited for long enough: it is still running then."""
    first = sa.select(sa.func.min(_a.started_at)).where(_a.outbox_id == item_id, _a.outcome == LEFT)
    since = connection.execute(first).scalar()
    if (0 if since is None else now - since) >= _micros(patience):
        return False
    values = {"state": READY, "due": now + _micros(AGAIN), "error": why, "attempts": _t.attempts - 1}
    here = sa.and_(_t.id == item_id, _t.state == RUNNING)
    connection.execute(sa.update(outbox).where(here).values(values))
    if since is None:
        row = {"outbox_id": item_id, "attempt": 0, "started_at": now, "finished_at": now, "outcome": LEFT}
        connection.execute(sa.insert(outbox_attempts).values(**row, error=why))
    return True


def _micros(time: timedelta) -> int:
    return time // timedelta(microseconds=1)
