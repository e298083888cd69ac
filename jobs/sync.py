"""拉取订单: every shop read on from where the last run stopped, and sooner again where it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from cards.scene import Scene
from domain.chat import Recipient
from domain.outbox import Priority, SendCard
from domain.ports import UnitOfWork
from domain.staff import Role
from domain.sync import ShopSync, sync_subject
from domain.sync_intake import SyncDesk, Taken
from domain.sync_read import Far, Outcome
from domain.sync_run import sync_shop, trouble
from jobs.registry import Counts, Job, JobContext, Watch

SIDE_BY_SIDE = 8  # shops read at the same time; the pace of each app is kept by its connector


TROUBLE = {"trouble": "1"}  # on such a card the shop's recovery is the last word


class SyncFault(RuntimeError):
    """A fault of our own while shops were read; every other shop was read to its end."""


def desk_of(ctx: JobContext) -> SyncDesk:
    return SyncDesk(ctx.unit_of_work, ctx.intake, ctx.clock, ctx.scene.policies.sync, ctx.trace_id)


def shops_of(ctx: JobContext) -> list[Far]:
    """Every connected shop that has a list to read, with the mark of its settings; the others push."""
    shops = ((code, shop) for code, shop in ctx.shops.items() if shop.capabilities.pulls)
    return [Far(shop, _mark(ctx.scene, code)) for code, shop in shops]


def _mark(scene: Scene, code: str) -> str:
    shop = scene.shops.get(code)
    return shop.settings_mark if shop else ""


async def for_shops(
    ctx: JobContext, shops: Sequence[Far], work: Callable[[Far], Awaitable[Outcome]]
) -> Counts:
    """The same work for several shops side by side; one that fails holds up no other. Tells people what they
    must know, and raises at the end when a fault was our own."""
    gate, done = asyncio.Semaphore(SIDE_BY_SIDE), 0

    async def one(far: Far) -> Outcome:
        nonlocal done
        async with gate:
            outcome = await work(far)
        done += 1
        await ctx.progress(done, len(shops), ctx.scene.shop_name(far.code))
        return outcome

    outcomes = await asyncio.gather(*(one(far) for far in shops))
    await tell(ctx, outcomes)
    bugs = [outcome for outcome in outcomes if outcome.bug is not None]
    if bugs:
        names = "、".join(f"{ctx.scene.shop_name(o.shop_code)}（{o.bug!r:.200}）" for o in bugs)
        raise SyncFault(f"程序出错：{names}") from bugs[0].bug
    return counts_of(outcomes)


def counts_of(outcomes: Sequence[Outcome]) -> Counts:
    taken = sum((outcome.taken for outcome in outcomes), Taken())
    return {
        "店铺": len(outcomes),
        "新订单": taken.inserted,
        "更新": taken.updated,
        "没变": taken.unchanged,
        "隔离": len(taken.held),
        "失败": sum(1 for outcome in outcomes if outcome.fault is not None),
        "暂停": sum(1 for outcome in outcomes if outcome.skipped),
    }


async def tell(ctx: JobContext, outcomes: Sequence[Outcome]) -> None:
    """An ended authorisation at once, more failures than `tell_above` once an hour: the shop's card says what
    to do. The key keeps it to one message, also over several processes and runs."""
    desk = desk_of(ctx)
    uow = ctx.unit_of_work()
    for outcome in outcomes:
        why = trouble(outcome, desk)
        if not why:
            continue
        key = f"sync.{why}.{outcome.shop_code}.{outcome.state.paused}.{ctx.clock.now():%Y%m%d%H}"
        send_status(ctx.scene, uow, outcome.shop_code, key, Priority.RED)
    await uow.commit()


def send_status(scene: Scene, uow: UnitOfWork, shop_code: str, key: str, priority: Priority) -> None:
    """The shop's card to everybody who looks after shops, once for each `key`."""
    for to in owners(scene):
        uow.send(SendCard(to, sync_subject(shop_code), TROUBLE), key=f"{key}.{to.lane}", priority=priority)


def owners(scene: Scene) -> tuple[Recipient, ...]:
    """Who hears of a shop that cannot be read."""
    return tuple(dict.fromkeys((*scene.audience(Role.SUPERVISOR.value), *scene.audience(Role.ADMIN.value))))


async def run(ctx: JobContext) -> Counts:
    """All shops, or the one that `args["shop"]` names."""
    desk = desk_of(ctx)
    wanted = ctx.args.get("shop", "")
    shops = [far for far in shops_of(ctx) if wanted in ("", far.code)]
    return await for_shops(ctx, shops, lambda far: sync_shop(desk, far, force=bool(wanted)))


JOB = Job(
    name="sync",
    title="拉取订单",
    run=run,
    every=timedelta(minutes=10),
    jitter=timedelta(seconds=30),
    limit=timedelta(minutes=30),
)


async def _failing(ctx: JobContext) -> list[tuple[ShopSync, Far]]:
    """Shops that wait for another try; paused ones wait for new settings instead."""
    shops = {far.code: far for far in shops_of(ctx)}
    states = await ctx.unit_of_work().sync.shops()
    return [
        (state, shops[state.shop_code])
        for state in states
        if state.next_try is not None and not state.paused and state.shop_code in shops
    ]


async def _next_due(ctx: JobContext) -> datetime | None:
    moments = [state.next_try for state, _ in await _failing(ctx) if state.next_try is not None]
    return min(moments, default=None)


async def _try_again(ctx: JobContext) -> int:
    now = ctx.clock.now()
    due = [far for state, far in await _failing(ctx) if state.next_try is not None and state.next_try <= now]
    if due:
        desk = desk_of(ctx)
        await for_shops(ctx, due, lambda far: sync_shop(desk, far))
    return len(due)


WATCH = Watch("sync.retry", _next_due, _try_again)
