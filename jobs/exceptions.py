"""异常单: found when an order comes in or changes, and by the clock for what only time shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from domain.chat import SubjectRef
from domain.exception import OrderException, StockLevel
from domain.exception_case import About, Around, about_order, settle, tell
from domain.exception_rules import Wrong, look_at, short_stock
from domain.order import Order
from domain.order_states import ENDED
from domain.ports import UnitOfWork
from domain.staff import Role
from jobs.registry import Counts, Job, JobContext, Late

ORDER_KINDS = ("address", "watch_word", "payment", "stuck")
MOST = 200  # of each sort in one run; the next run goes on


def around(ctx: JobContext) -> Around:
    return Around(ctx.clock.now(), ctx.scene.policies, ctx.scene.audience)


async def on_order(ctx: JobContext, uow: UnitOfWork, orders: Sequence[Order]) -> None:
    """Whatever is wrong with these orders now is open, whatever no longer is has ended."""
    raised: list[OrderException] = []
    here = around(ctx)
    open_now = await uow.exceptions.with_open("order", [str(order.id) for order in orders])
    for order in orders:
        wrong = [] if order.state in ENDED else look_at(order, here.policies.exceptions, here.now)
        if wrong or str(order.id) in open_now:
            raised += await settle(uow, about_order(order), wrong, here, kinds=ORDER_KINDS)
    await tell(uow, raised, here)


async def run(ctx: JobContext) -> Counts:
    stuck = await _stuck(ctx)
    stock = await _stock(ctx)
    held = await _quarantine(ctx)
    dead = await _effects(ctx)
    return {"卡单": stuck, "库存": stock, "隔离": held, "执行失败": dead}


async def _stuck(ctx: JobContext) -> int:
    """Orders that nobody touched: the feed of changes never shows them."""
    uow = ctx.unit_of_work()
    here = around(ctx)
    raised: list[OrderException] = []
    for state, limit in here.policies.exceptions.stuck.items():
        ids = await uow.exceptions.stuck_orders(state, here.now - limit, MOST)
        for order in await uow.orders.get_many(ids):
            wrong = look_at(order, here.policies.exceptions, here.now)
            raised += await settle(uow, about_order(order), wrong, here, kinds=ORDER_KINDS)
    await tell(uow, raised, here)
    await uow.commit()
    return len(raised)


async def _stock(ctx: JobContext) -> int:
    """Everything that is short, and everything that was and is no more."""
    uow = ctx.unit_of_work()
    policy = ctx.scene.policies.exceptions
    low = await uow.exceptions.low_stock(policy.stock_yellow, MOST)
    known, _ = await uow.exceptions.page(("stock",), limit=MOST)
    skus = [item.subject.id.partition("/")[2] for item in known]
    now_there = {_stock_subject(level): level for level in (*await uow.exceptions.stock(skus), *low)}
    raised = await settle_stock(uow, list(now_there.values()), around(ctx))
    await tell(uow, raised, around(ctx))
    await uow.commit()
    return len(raised)


async def settle_stock(uow: UnitOfWork, levels: Sequence[StockLevel], here: Around) -> list[OrderException]:
    raised: list[OrderException] = []
    for level in levels:
        wrong = short_stock(level, here.policies.exceptions)
        about = About(_stock_subject(level), level.sku, warehouse=level.warehouse)
        raised += await settle(uow, about, [wrong] if wrong else [], here, kinds=("stock",))
    return raised


def _stock_subject(level: StockLevel) -> SubjectRef:
    return SubjectRef("sku", f"{level.warehouse}/{level.sku}")


async def _quarantine(ctx: JobContext) -> int:
    """Orders that did not get past the border, and the ends of those that have since."""
    uow = ctx.unit_of_work()
    here = around(ctx)
    if "quarantine" in here.policies.exceptions.off:
        return 0
    raised: list[OrderException] = []
    held = {item.id: item for item in await uow.sync.all_held(limit=MOST)}
    for item in held.values():
        about = About(SubjectRef("quarantine", item.id), item.platform_order_id, item.shop_code)
        wrong = Wrong("quarantine", not item.warning, {"原因": item.reason})
        raised += await settle(uow, about, [wrong], here, kinds=("quarantine",))
    known, _ = await uow.exceptions.page(("quarantine",), limit=MOST)
    for gone in known:
        state = await uow.sync.held(gone.subject.id) if gone.subject.id not in held else None
        if gone.subject.id not in held and (state is None or state.settled_at is not None):
            await settle(uow, About(gone.subject, gone.label), [], here, kinds=("quarantine",))
    await tell(uow, raised, here)
    await uow.commit()
    return len(raised)


async def _effects(ctx: JobContext) -> int:
    """What was to be done at a far system and was given up."""
    uow = ctx.unit_of_work()
    here = around(ctx)
    if "effect" in here.policies.exceptions.off:
        return 0
    raised: list[OrderException] = []
    for dead in await uow.exceptions.dead_effects(MOST):
        facts = {"操作": dead.name, "对象": f"{dead.subject.type} {dead.subject.id}", "错误": dead.error[:80]}
        facts["次数"] = f"试了 {dead.attempts} 次"  # more of them is news
        about = About(SubjectRef("outbox", str(dead.outbox_id)), dead.subject.id)
        raised += await settle(uow, about, [Wrong("effect", True, facts)], here, kinds=("effect",))
    await tell(uow, raised, here)
    await uow.commit()
    return len(raised)


ON_ORDER = on_order
JOB = Job(
    name="exceptions",
    title="异常检查",
    run=run,
    every=timedelta(minutes=10),
    owner=Role.SUPERVISOR,
    limit=timedelta(minutes=5),
    late=Late.ONCE,
)
