"""拉取一段: one shop's window, because a person asked (`同步 <店铺> 开始 结束`); never by the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.ports import Window
from domain.sync_intake import SyncDesk
from domain.sync_read import Far, Outcome, Tally, guarded, read_window
from domain.sync_run import sync_shop
from domain.sync_window import parts
from jobs.registry import Counts, Job, JobContext
from jobs.sync import counts_of, desk_of, shops_of, tell


class NoSuchShop(ValueError):
    """The shop is not connected, or has no list."""


async def run(ctx: JobContext) -> Counts:
    """`args`: shop, and from and to in ISO 8601; without them it reads on from the cursor, breaker or not."""
    desk = desk_of(ctx)
    far = next((far for far in shops_of(ctx) if far.code == ctx.args.get("shop", "")), None)
    if far is None:
        code = ctx.args.get("shop", "")
        if code in ctx.shops:
            raise NoSuchShop(f"{ctx.scene.shop_name(code)} 只推送订单，没有可以拉取的列表")
        raise NoSuchShop(f"店铺 {code} 没有接入：请在 config.yaml 的 shops 里配置")
    if not ctx.args.get("from"):
        return await _counts(ctx, await sync_shop(desk, far, force=True))
    window = Window(datetime.fromisoformat(ctx.args["from"]), datetime.fromisoformat(ctx.args["to"]))
    tally = Tally()
    return await _counts(ctx, await guarded(desk, far, tally, _read(ctx, desk, far, window, tally)))


async def _read(ctx: JobContext, desk: SyncDesk, far: Far, window: Window, tally: Tally) -> None:
    pieces = list(parts(window, far.shop.capabilities))
    for piece in pieces:
        tally.taken += await read_window(desk, far.shop, piece)
        tally.windows += 1
        note = f"{tally.taken.stored} 张新的或有变化"
        await ctx.progress(tally.windows, len(pieces), note)


async def _counts(ctx: JobContext, outcome: Outcome) -> Counts:
    """Somebody waits for this run: a shop that does not answer makes it fail."""
    await tell(ctx, [outcome])
    if outcome.fault is not None:
        raise outcome.fault
    return counts_of([outcome])


JOB = Job(name="sync_pull", title="拉取一段", run=run, limit=timedelta(hours=2))
