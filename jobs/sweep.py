"""回看订单: every hour the last two hours once more, for what came late into a platform's lists."""

from __future__ import annotations

from domain.sync_run import reread
from jobs.registry import Counts, Job, JobContext
from jobs.sync import desk_of, for_shops, shops_of


async def run(ctx: JobContext) -> Counts:
    """`args["hours"]` looks further back; `args["shop"]` at one shop only."""
    desk = desk_of(ctx)
    hours = int(ctx.args.get("hours") or desk.policy.sweep_hours)
    wanted = ctx.args.get("shop", "")
    shops = [far for far in shops_of(ctx) if wanted in ("", far.code)]
    return await for_shops(ctx, shops, lambda far: reread(desk, far, hours))


JOB = Job(name="sweep", title="回看订单", run=run, cron="23 * * * *")
