"""Times in which something was impaired, as the audit has them: a beginning and an end for each (`desk.impaired`,
`desk.recovered` of the subject `desk:<part>`). The audit is what all processes and all restarts share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from storage.among import among
from storage.engines import Engines
from storage.instants import from_micros
from storage.tables import audit, outbox

SUBJECT = "desk"
BEGAN, ENDED = "desk.impaired", "desk.recovered"
_NEWEST = (
    sa.select(audit.c.id, audit.c.at, audit.c.action)
    .where(audit.c.subject_type == SUBJECT, audit.c.subject_id == sa.bindparam("part"))
    .order_by(audit.c.at.desc(), audit.c.id.desc())
    .limit(1)
)
_CREATED = sa.select(outbox.c.key, outbox.c.created_at).where(among(outbox.c.key, "keys"))


@dataclass(frozen=True)
class Mark:
    """The newest entry about a part: `id` of its row, 0 when there is none."""

    id: int = 0
    at: datetime | None = None
    open: bool = False


async def newest(engines: Engines, part: str) -> Mark:
    def run(connection: Connection) -> Mark:
        row = connection.execute(_NEWEST, {"part": part}).first()
        return Mark() if row is None else Mark(row.id, from_micros(row.at), row.action == BEGAN)

    return await engines.read(run)


async def parts(engines: Engines) -> list[str]:
    """Everything that ever was impaired."""
    named = sa.select(audit.c.subject_id).where(audit.c.subject_type == SUBJECT).distinct()
    return list(await engines.scan(lambda connection: connection.execute(named).scalars().all()))


async def written(engines: Engines, keys: Collection[str]) -> Mapping[str, datetime]:
    """Which of these keys are in the outbox, and since when."""

    def run(connection: Connection) -> Mapping[str, datetime]:
        rows = connection.execute(_CREATED, {"keys": list(keys)}).all()
        return {row.key: from_micros(row.created_at) for row in rows}

    return await engines.read(run) if keys else {}
