"""退款: ask, approve, reject, follow. Every check is made again in the domain at the moment of effect."""

from __future__ import annotations

from dataclasses import replace

from cards.action import Action
from cards.refund import headline
from domain.chat import Tap
from domain.lookup import find_tokens, search
from domain.permission import can_see_refund, is_approver
from domain.policy import Policies
from domain.refund import Refund
from domain.refund_decision import Answer, DecisionWish, Verdict, decide_refund
from domain.refund_request import RefundRefused, RefundWish, Setting, refund_subject, request_refund
from domain.refund_words import BadRefundWords, RefundWords, read_refund_words
from domain.staff import Staff
from handlers.order import show_found
from handlers.router import Context, Router

router = Router(place=30)


def _may_ask(staff: Staff, policies: Policies) -> bool:
    return staff.has(*policies.refund.requester_roles)


def _may_decide(staff: Staff, policies: Policies) -> bool:
    return is_approver(staff, policies.refund)


@router.command(
    "退款",
    usage="退款 订单号 [金额] 原因",
    help="申请退款，小额免审，大额找人审批",
    aliases=("申请退款", "tuikuan", "tk", "refund"),
    allowed=_may_ask,
)
async def ask_refund(ctx: Context, text: str) -> None:
    try:
        wish = read_refund_words(text)
    except BadRefundWords as error:
        ctx.say(str(error))
        return
    found = await search(ctx.uow.orders, find_tokens(wish.order), ctx.staff)
    if len(found.orders) != 1:
        await _which_order(ctx, wish, len(found.orders))
        if found.orders:
            show_found(ctx, found, wish.order)
        return
    order = found.orders[0]
    shop = ctx.scene.shops.get(order.key.shop_code)
    setting = Setting(
        ctx.scene.clock.now(), ctx.scene.policies, ctx.scene.directory, shop.refund if shop else "none"
    )
    try:
        refund = await request_refund(
            ctx.uow, RefundWish(order, wish.amount, wish.reason, ctx.staff, ctx.origin), setting
        )
    except RefundRefused as error:
        ctx.say(str(error))
        return
    ctx.show(refund_subject(refund.number))


async def _which_order(ctx: Context, wish: RefundWords, count: int) -> None:
    if count:
        ctx.say("对上了不止一张订单，请用完整订单号再发一次")
    else:
        ctx.say(f"没找到订单“{wish.order[:30]}”，请先查单核对订单号，再发：退款 订单号 金额 原因")


@router.command(
    "退款单",
    usage="退款单 RF编号",
    help="看一笔退款走到哪了",
    aliases=("进度", "tuikuandan"),
)
async def show_refund(ctx: Context, text: str) -> None:
    if refund := await visible_refund(ctx, text):
        ctx.show(refund_subject(refund.number))


@router.command(
    "同意", usage="同意 RF编号", help="批准退款", aliases=("批准", "通过", "tongyi"), allowed=_may_decide
)
async def approve_by_words(ctx: Context, text: str) -> None:
    number, _, rest = text.partition(" ")
    confirmed = rest.strip() == "确认"
    await _decide(
        ctx, DecisionWish(_clean(number), Verdict.APPROVE, ctx.staff, ctx.origin, confirmed=confirmed)
    )


@router.command(
    "驳回", usage="驳回 RF编号 原因", help="驳回退款", aliases=("拒绝", "bohui"), allowed=_may_decide
)
async def reject_by_words(ctx: Context, text: str) -> None:
    number, _, reason = text.partition(" ")
    await _decide(ctx, DecisionWish(_clean(number), Verdict.REJECT, ctx.staff, ctx.origin, reason.strip()))


@router.tap("refund.approve")
async def approve_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    await _decide(ctx, _tapped(ctx, action, Verdict.APPROVE))


@router.tap("refund.confirm")
async def confirm_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    await _decide(ctx, replace(_tapped(ctx, action, Verdict.APPROVE), confirmed=True))


@router.tap("refund.reject")
async def reject_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    """The first tap asks for the reason, the second brings its number in the list of the policy."""
    reasons = ctx.scene.policies.refund.reject_reasons
    chosen = int(action.args[0]) if action.args and action.args[0].isdecimal() else -1
    reason = reasons[chosen] if 0 <= chosen < len(reasons) else ""
    await _decide(ctx, replace(_tapped(ctx, action, Verdict.REJECT), reason=reason))


@router.tap("refund.back")
async def back(ctx: Context, _tap: Tap, _action: Action) -> None:
    _step(ctx, "")


@router.tap("refund.refresh")
async def refresh_refund(ctx: Context, _tap: Tap, action: Action) -> None:
    """Drawing the tapped card again is done for every tap; here only the right to see it is checked."""
    await visible_refund(ctx, action.subject.id)


@router.tap("refund.show")
async def open_refund(ctx: Context, _tap: Tap, action: Action) -> None:
    if refund := await visible_refund(ctx, action.subject.id):
        ctx.show(refund_subject(refund.number))


def _tapped(ctx: Context, action: Action, verdict: Verdict) -> DecisionWish:
    return DecisionWish(action.subject.id, verdict, ctx.staff, ctx.origin, seen_revision=action.revision)


async def _decide(ctx: Context, wish: DecisionWish) -> None:
    policy = ctx.scene.policies.refund
    answer, refund = await decide_refund(ctx.uow, wish, policy, ctx.scene.clock.now())
    tapped = ctx.card is not None
    _step(ctx, {Answer.CONFIRM: "confirm", Answer.REASON: "reason"}.get(answer, ""))
    if refund is None:
        ctx.say(f"没找到退款“{wish.number[:20]}”，请核对 RF 编号")
    elif answer is Answer.DONE:
        ctx.redraw = False  # the decision has touched every card of it
        if not tapped:
            ctx.show(refund_subject(refund.number))
    elif answer in (Answer.LATE, Answer.STALE, Answer.FORBIDDEN) or not tapped:
        ctx.say(_explain(answer, refund, ctx))


def _explain(answer: Answer, refund: Refund, ctx: Context) -> str:
    if answer is Answer.LATE:
        who = refund.decisions[-1].actor_name if refund.decisions else ""
        return f"{refund.number} {headline(refund)[0]}（{who}已处理），不用再点"
    if answer is Answer.STALE:
        return f"{refund.number} 刚有变化，卡片已更新，请看过再点"
    if answer is Answer.CONFIRM:
        return f"退 {refund.amount} 超过 {ctx.scene.policies.refund.confirm_above}，确认请发：同意 {refund.number} 确认"
    if answer is Answer.REASON:
        return f"请写明原因，例如：驳回 {refund.number} 凭证不足"
    if ctx.staff.id == refund.requester:
        return "不能审批自己申请的退款，已通知其他审批人"
    return "你没有审批这笔退款的权限，请找财务或主管"


def _step(ctx: Context, step: str) -> None:
    if ctx.card is not None and ctx.card.subject.type == "refund":
        ctx.card = replace(ctx.card, params={**ctx.card.params, "step": step})


async def visible_refund(ctx: Context, text: str) -> Refund | None:
    """The refund with this number if this person may see it; otherwise says so and returns None."""
    number = _clean(text.split()[0]) if text.split() else ""
    refund = await ctx.uow.refunds.get(number)
    order = await ctx.uow.orders.get(refund.order_id) if refund else None
    if refund is None or order is None or not can_see_refund(ctx.staff, refund, order):
        ctx.say(f"没找到退款“{number[:20]}”，请核对 RF 编号")
        return None
    return refund


def _clean(number: str) -> str:
    return number.strip().upper()
