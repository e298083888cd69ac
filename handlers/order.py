"""查单: find orders by anything that names them, show their card, read them again at the shop."""

from __future__ import annotations

from cards.action import Action
from cards.words import words
from domain.chat import SubjectRef, Tap
from domain.lookup import Found, Token, find_tokens, search
from domain.order import Order
from domain.outbox import Effect
from domain.permission import can_request_refund, can_see_order
from domain.ports import UnitOfWork
from domain.refund_request import order_subject, refundable
from handlers.entry import allowed_commands
from handlers.nearest import nearest_commands
from handlers.router import Context, Router

router = Router(place=10)
MAX_PASTE = 4000
# Shops number their orders with at least this many characters; shorter codes are not worth a call.
SHOP_NUMBER_LENGTH = 10


@router.command(
    "查单",
    usage="查单 订单号/运单号/手机/尾号/收货人",
    help="查订单，可一次贴多个",
    aliases=("查", "查询", "查订单", "订单", "chadan", "cd", "order"),
)
async def look_up(ctx: Context, text: str) -> None:
    tokens = find_tokens(text[:MAX_PASTE])
    if not tokens:
        ctx.say("请带上要查的内容，例如：查单 4123456789012345601，或手机号、尾号、收货人")
        return
    found = await search(ctx.uow.orders, tokens, ctx.staff)
    if found.matches:
        show_found(ctx, found, text)
        return
    _nothing(ctx, tokens, found, text)


@router.text(order=50)
async def pasted_text(ctx: Context, text: str) -> bool:
    """Any text that names an order is a look-up, without a command."""
    tokens = find_tokens(text[:MAX_PASTE])
    if not tokens:
        return False
    found = await search(ctx.uow.orders, tokens, ctx.staff)
    if found.matches:
        show_found(ctx, found, text)
        return True
    if any(token.strong for token in tokens):
        _nothing(ctx, tokens, found, text)
        return True
    nearest = nearest_commands(allowed_commands(ctx), text)
    ctx.say(words("not_understood", text=text[:20], nearest=nearest, looked=found.looked))
    return True


def show_found(ctx: Context, found: Found, text: str) -> None:
    """One order: its card. Several: the list."""
    orders = found.orders
    if len(orders) == 1:
        ctx.show(order_subject(orders[0].id))
        return
    ids = ",".join(str(order.id) for order in orders)
    query = " ".join(text.split())[:20]
    ctx.show(SubjectRef("lookup", ctx.uow.trace_id), orders=ids, query=query)


def _nothing(ctx: Context, tokens: tuple[Token, ...], found: Found, text: str) -> None:
    """Nothing here: ask the shops about a number they might know, else say where we looked."""
    numbers = [t.text for t in tokens if t.kind == "number" and len(t.text) >= SHOP_NUMBER_LENGTH]
    query = " ".join(text.split())[:30]
    if numbers and not found.hidden and any(shop.connected for shop in ctx.scene.shops.values()):
        args = {**ctx.here.to_args(), "query": query, "looked": "、".join(found.looked)}
        for number in numbers[:3]:
            ctx.uow.send(Effect("order.find", SubjectRef("number", number), args))
        return
    ctx.say(words("not_found", text=query, looked=found.looked, shops=()))


@router.tap("order.open")
async def open_order(ctx: Context, _tap: Tap, action: Action) -> None:
    if order := await visible_order(ctx, ctx.uow, action.subject):
        ctx.show(order_subject(order.id))


@router.tap("order.refresh")
async def refresh_order(ctx: Context, tap: Tap, action: Action) -> None:
    """Ask the shop; the card is drawn again when the answer is stored."""
    order = await visible_order(ctx, ctx.uow, action.subject)
    if order is None:
        return
    shop = ctx.scene.shops.get(order.key.shop_code)
    if shop is not None and shop.connected:
        args = {**ctx.here.to_args(), "card": tap.card_id}
        ctx.uow.send(Effect("order.fetch", order_subject(order.id), args))
        ctx.redraw = False


@router.tap("order.refund")
async def explain_refund(ctx: Context, _tap: Tap, action: Action) -> None:
    """The button tells the words: an amount and a reason cannot be tapped."""
    order = await visible_order(ctx, ctx.uow, action.subject)
    if order is None:
        return
    if not can_request_refund(ctx.staff, order, ctx.scene.policies.refund):
        ctx.say("你的角色不能申请退款，请找客服或主管")
        return
    left = refundable(order, await ctx.uow.refunds.of_order(order.id))
    number = order.key.platform_order_id
    ctx.say(
        f"请发：退款 {number} 金额 原因\n例如：退款 {number} {left.plain()} 破损\n"
        f"最多可退 {left}，不写金额按全部可退处理"
    )


async def visible_order(ctx: Context, uow: UnitOfWork, subject: SubjectRef) -> Order | None:
    """The order of a tap if this person may see it; otherwise says so and returns None."""
    order = (
        await uow.orders.get(int(subject.id)) if subject.type == "order" and subject.id.isdigit() else None
    )
    if order is None or not can_see_order(ctx.staff, order):
        ctx.say("没找到这张订单，请重新查单")
        return None
    return order
