"""支付核对: orders that are unpaid here and paid at the provider, every five minutes (platforms.md §11, 21)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from domain.books_payment import Repair, due_amount, repair
from domain.order import Order, OrderState
from domain.outbox import Priority, SendText
from domain.payment import PaidState, PaymentConnector, PaymentError
from domain.ports import Conflict, ShopError
from domain.staff import Role
from jobs.registry import Counts, Job, JobContext

_YOUNG = timedelta(minutes=2)  # the shop's own word about a payment gets so long
_SHOWN = 10


@dataclass
class _Run:
    asked: int = 0
    silent: int = 0
    closed: set[str] = field(default_factory=set)  # accounts that refuse for now
    repairs: list[Repair] = field(default_factory=list)


async def run(ctx: JobContext) -> Counts:
    if not ctx.payments:
        return {"收款账户": 0}
    outcome = _Run()
    orders = await _orders(ctx)
    for number, order in enumerate(orders):
        await ctx.progress(number, len(orders), order.key.platform_order_id)
        await _check(ctx, order, outcome)
    await _tell(ctx, outcome.repairs)
    left = sum(1 for one in outcome.repairs if one.how == "amount")
    return {
        "问过": outcome.asked,
        "补为已付款": len(outcome.repairs) - left,
        "金额不符": left,
        "没问到": outcome.silent,
    }


async def _orders(ctx: JobContext) -> Sequence[Order]:
    """A part of the young unpaid orders, another one on each slot when there are too many for one run."""
    policy, books = ctx.scene.policies.reconcile, ctx.unit_of_work().books
    now = ctx.clock.now()
    since, until = now - timedelta(hours=policy.check_hours), now - _YOUNG
    count = await books.unpaid_count(since, until)
    slot = int(ctx.due.timestamp()) // 300
    turns = max(1, -(-count // policy.check_limit))
    offset = slot % turns * policy.check_limit
    ids = await books.unpaid(since, until, offset=offset, limit=policy.check_limit)
    orders = await ctx.unit_of_work().orders.get_many(ids)
    return [order for order in orders if order.state is OrderState.UNPAID]


async def _check(ctx: JobContext, order: Order, outcome: _Run) -> None:
    for connector in _accounts(ctx, order):
        if connector.account in outcome.closed:
            outcome.silent += 1
            continue
        try:
            outcome.asked += 1
            paid = await connector.query(order.key.platform_order_id)
        except PaymentError:
            outcome.silent += 1
            outcome.closed.add(connector.account)  # the next run asks again
            continue
        if paid.state == "paid":
            done = await _repair(ctx, order, paid, connector.account)
            outcome.repairs.extend([done] if done else [])
            return


def _accounts(ctx: JobContext, order: Order) -> list[PaymentConnector]:
    policy = ctx.scene.policies.reconcile
    shop = order.key.shop_code
    mine = policy.accounts_of(shop)
    if policy.accounts and not mine:
        return []
    return [c for account, c in sorted(ctx.payments.items()) if not mine or account in mine]


async def _repair(ctx: JobContext, order: Order, paid: PaidState, account: str) -> Repair | None:
    """The shop is asked first: its own copy is the better one."""
    fresh: Order | None = None
    shop = ctx.shops.get(order.key.shop_code)
    if shop is not None:
        try:
            fresh = await shop.get_order(order.key.platform_order_id)
        except ShopError:
            fresh = None  # the provider's word is enough; the shop's copy comes with the next pull
    for _ in range(3):
        uow = ctx.unit_of_work()
        known = await uow.orders.get(order.id)
        if known is None:
            return None
        done = await repair(uow, known, fresh, paid, account, ctx.clock.now())
        try:
            await uow.commit()
        except Conflict:
            continue
        return done
    return None


async def _tell(ctx: JobContext, repairs: Sequence[Repair]) -> None:
    """What was put right is told in one message; an amount that is off, which stays as it is, once for each order."""
    uow = ctx.unit_of_work()
    audience = ctx.scene.audience(ctx.scene.policies.reconcile.chat, cards=False)
    done = [one for one in repairs if one.how != "amount"]
    off = [one for one in repairs if one.how == "amount"]
    for to in audience:
        if done:
            uow.send(SendText(to, _done_words(ctx, done)), key=f"payment_check.{ctx.trace_id}.{to.lane}")
        for one in off[:_SHOWN]:
            key = f"payment_check.amount.{one.order.id}.{to.lane}"
            uow.send(SendText(to, _off_words(ctx, one)), key=key, priority=Priority.YELLOW)
    await uow.commit()


def _done_words(ctx: JobContext, done: Sequence[Repair]) -> str:
    words = {"shop": "店铺已确认付款", "desk": "店铺还没更新，先记为已付款"}
    lines = [f"支付核对：{len(done)} 张订单平台已收款、这里未付款，已补上"]
    lines += [f"· {_name(ctx, one)} 收 {one.paid}：{words[one.how]}" for one in done[:_SHOWN]]
    if len(done) > _SHOWN:
        lines.append(f"还有 {len(done) - _SHOWN} 张，查单可看")
    return "\n".join(lines)


def _off_words(ctx: JobContext, one: Repair) -> str:
    return (
        f"支付核对：{_name(ctx, one)} 支付平台收了 {one.paid}，订单应付 {due_amount(one.order)}，"
        f"金额不符，没有改动。请核对，可发：查单 {one.order.key.platform_order_id}"
    )


def _name(ctx: JobContext, one: Repair) -> str:
    return f"{ctx.scene.shop_name(one.order.key.shop_code)} {one.order.key.platform_order_id}"


JOB = Job(
    name="payment_check",
    title="支付核对",
    run=run,
    every=timedelta(minutes=5),
    owner=Role.FINANCE,
    limit=timedelta(minutes=4),
)
