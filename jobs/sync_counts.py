"""核对订单数: nightly the last two days once more, then our rows against each platform's own total."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from domain.outbox import Priority
from domain.sync_counting import check_counts
from domain.sync_read import Far, Outcome
from domain.sync_run import reread
from jobs.registry import Counts, Job, JobContext
from jobs.sync import desk_of, for_shops, send_status, shops_of

KEPT = timedelta(days=30)  # pushes: longer than any platform repeats one


async def run(ctx: JobContext) -> Counts:
    desk = desk_of(ctx)
    hours = desk.policy.nightly_hours
    outcomes: list[Outcome] = []

    async def look(far: Far) -> Outcome:
        again = await reread(desk, far, hours)
        if again.skipped or again.fault is not None:
            return again
        counted = await check_counts(desk, far, hours)
        counted = replace(counted, taken=again.taken + counted.taken)
        outcomes.append(counted)
        return counted

    counts = await for_shops(ctx, shops_of(ctx), look)
    differ = [o for o in outcomes if o.fault is None and o.state.unsettled]
    uow = ctx.unit_of_work()
    uow.sync.forget_pushes(ctx.clock.now() - KEPT)
    for outcome in differ:
        key = f"sync.counts.{outcome.shop_code}.{ctx.due:%Y%m%d}"
        send_status(ctx.scene, uow, outcome.shop_code, key, Priority.YELLOW)
    await uow.commit()
    return {**counts, "对不上": len(differ)}


JOB = Job(name="sync_counts", title="核对订单数", run=run, cron="10 3 * * *", limit=timedelta(hours=1))
