"""When the rules have changed, every open order is put before them anew: in the background, piece by piece."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.alert import Feeding
from domain.audit import AuditEntry
from domain.chat import SubjectRef
from domain.ports import UnitOfWork
from jobs.registry import JobContext, Watch

CHUNK = 500  # orders put on the feed at once
MOST_WAITING = 1000  # on the feed; beyond that it is given time to empty
PAUSE = timedelta(seconds=0.5)


async def next_due(ctx: JobContext) -> datetime | None:
    uow = ctx.unit_of_work()
    feeding = await uow.alerts.feeding()
    if feeding.done and feeding.version == ctx.scene.policies.version:
        return None
    waiting = len(await uow.changes.take(MOST_WAITING + 1))
    return ctx.clock.now() if waiting <= MOST_WAITING else ctx.clock.now() + PAUSE


async def work(ctx: JobContext) -> int:
    uow = ctx.unit_of_work()
    seen = await uow.alerts.feeding()
    version = ctx.scene.policies.version
    at = seen if seen.version == version else Feeding(version, done=False)
    ids = await uow.alerts.open_orders(at.cursor, CHUNK)
    uow.changes.again(ids)
    now = Feeding(version, ids[-1] if ids else at.cursor, at.fed + len(ids), done=len(ids) < CHUNK)
    uow.alerts.save_feeding(now, seen)
    if at.cursor == 0 and ids:
        _audit(uow, ctx, "rules.changed", now)
    if now.done and now.fed:
        _audit(uow, ctx, "rules.applied", now)
    await uow.commit()
    return max(1, len(ids))


def _audit(uow: UnitOfWork, ctx: JobContext, action: str, feeding: Feeding) -> None:
    subject = SubjectRef("policies", feeding.version)
    details: dict[str, object] = {"orders": feeding.fed}
    uow.audit(AuditEntry(ctx.clock.now(), "system", "lights", action, subject, uow.trace_id, details))


WATCH = Watch("lights.feed", next_due, work)
