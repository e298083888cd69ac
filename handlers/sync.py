"""同步状态, 同步 <店铺>, 重新处理: how fresh the orders are, and reading a shop because somebody asks."""

from __future__ import annotations

from collections.abc import Mapping

from rapidfuzz import fuzz

from cards.action import Action
from domain.chat import Tap
from domain.job import JobRun, asked_id, run_subject
from domain.order import OrderKey
from domain.outbox import Effect
from domain.permission import can_mind_shops, can_see_shop
from domain.policy import Policies
from domain.ports import Window
from domain.staff import Staff
from domain.sync import Held, quarantine_subject, sync_subject
from domain.sync_words import EXAMPLES, BadSyncWords, read_sync_words
from handlers.nearest import sound
from handlers.router import Context, Router

router = Router(place=60)
PULL_JOB = "sync_pull"
GOOD_ENOUGH = 60.0


def _may_pull(staff: Staff, _policies: Policies) -> bool:
    return can_mind_shops(staff)


@router.command(
    "同步状态",
    usage="同步状态 [店铺]",
    help="看每家店的订单新到什么时候",
    aliases=("同步情况", "tongbuzhuangtai", "tbzt"),
)
async def show_status(ctx: Context, text: str) -> None:
    if not text:
        ctx.show(sync_subject())
        return
    code = _shop_named(_shops(ctx), text)
    if code is None:
        ctx.say(_no_shop(ctx, text, "同步状态"))
        return
    ctx.show(sync_subject(code))


@router.command(
    "同步",
    usage="同步 店铺 [开始 结束]",
    help="马上拉取一家店的订单，可指定一段时间",
    aliases=("拉单", "tongbu", "sync"),
    allowed=_may_pull,
)
async def pull(ctx: Context, text: str) -> None:
    shops = _shops(ctx)
    if not text:
        ctx.say(f"请带上店铺：{'、'.join(shops.values())}\n例如：{EXAMPLES}")
        return
    try:
        wish = read_sync_words(text, shops, ctx.scene.clock.now())
    except BadSyncWords as error:
        ctx.say(str(error))
        return
    code = _shop_named(shops, wish.shop)
    if code is None:
        ctx.say(_no_shop(ctx, wish.shop, "同步"))
        return
    await _start(ctx, code, wish.window)


@router.tap("sync.refresh")
async def refresh(_ctx: Context, _tap: Tap, _action: Action) -> None:
    """The card is drawn again after any tap: that is all."""


@router.tap("sync.open")
async def open_shop(ctx: Context, _tap: Tap, action: Action) -> None:
    ctx.show(sync_subject(action.subject.id))


@router.tap("sync.retry")
async def retry(ctx: Context, _tap: Tap, action: Action) -> None:
    if not can_mind_shops(ctx.staff):
        ctx.say("你的角色不能启动同步，请找主管或管理员")
        return
    await _start(ctx, action.subject.id, None)


@router.tap("sync.reprocess")
async def reprocess_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    """On any card whose button carries the subject `quarantine:<id>`."""
    _reprocess(ctx, action.subject.id)


@router.command(
    "重新处理",
    usage="重新处理 订单号",
    help="把隔离的订单向店铺重读一遍",
    aliases=("chongxinchuli",),
)
async def reprocess_words(ctx: Context, text: str) -> None:
    number = text.strip()
    for code in _shops(ctx):
        item = await ctx.uow.sync.held_order(OrderKey(code, number))
        if item is not None and item.state is Held.OPEN:
            _reprocess(ctx, item.id)
            return
    ctx.say(
        f"隔离区里没有订单“{number[:30]}”；发“隔离单”看有哪些" if number else "请带上订单号：重新处理 订单号"
    )


def _reprocess(ctx: Context, quarantine_id: str) -> None:
    subject = quarantine_subject(quarantine_id)
    ctx.uow.send(Effect("sync.reprocess", subject, ctx.here.to_args()))


async def _start(ctx: Context, code: str, window: Window | None) -> None:
    """One pull at a time: the pace of the platforms is one for all."""
    if code not in ctx.scene.shops or not ctx.scene.shops[code].connected:
        ctx.say(f"{ctx.scene.shop_name(code)} 还没有接入：请管理员在 config.yaml 的 shops.{code} 里填好")
        return
    going = await ctx.uow.jobs.current(PULL_JOB)
    if going is not None and going.going:
        ctx.say("已经有一段正在拉取，等它完了再发一次；进度见下面的卡片")
        ctx.show(run_subject(going.id))
        return
    args = {"shop": code}
    if window is not None:
        args |= {"from": window.start.isoformat(), "to": window.end.isoformat()}
    now, trace = ctx.scene.clock.now(), ctx.uow.trace_id
    run = JobRun(asked_id(PULL_JOB, trace), PULL_JOB, now, trace, now, args=args, asked_by=ctx.staff.id)
    ctx.uow.jobs.start(run)
    ctx.show(run_subject(run.id))


def _shops(ctx: Context) -> Mapping[str, str]:
    """Names by code of the shops this person may see."""
    shops = ctx.scene.shops.values()
    return {shop.code: shop.name for shop in shops if can_see_shop(ctx.staff, shop.code, shop.region)}


def _shop_named(shops: Mapping[str, str], text: str) -> str | None:
    wanted = text.strip().casefold()
    return next((code for code, name in shops.items() if wanted in (code.casefold(), name.casefold())), None)


def _no_shop(ctx: Context, text: str, command: str) -> str:
    shops = _shops(ctx)
    scored = sorted(((_likeness(text, code, name), name) for code, name in shops.items()), reverse=True)
    close = [name for score, name in scored if score >= GOOD_ENOUGH][:2]
    if close:
        return f"没有店铺“{text[:20]}”，是不是{'或'.join(close)}？请发：{command} {close[0]}"
    return f"没有店铺“{text[:20]}”。现有：{'、'.join(shops.values()) or '（还没有配置）'}"


def _likeness(text: str, code: str, name: str) -> float:
    """By spelling of the name or the code, and by how the name sounds."""
    spelled = max(fuzz.ratio(text.casefold(), known.casefold()) for known in (code, name))
    return max(spelled, fuzz.ratio(sound(text), sound(name)))
