"""对账 and 差异: the books of a day, its differences, and what finance does about them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

from cards.action import Action
from cards.difference import reasons_of
from cards.differences import list_subject
from cards.scene import day_time
from cards.words import words
from domain.books import DayState, Difference, difference_subject, reconcile_subject
from domain.books_day import wanted, yesterday
from domain.books_decide import Answer, Deed, Surroundings, Wish, decide, may_see
from domain.books_words import CATEGORY_NAMES, STATE_NAMES, category_of, rule_name
from domain.chat import Tap
from domain.clock import shanghai
from domain.outbox import Effect
from domain.policy import Policies
from domain.refund_request import order_subject
from domain.staff import Staff
from handlers.router import Context, Router

router = Router()
_NUMBER = re.compile(r"DF[0-9A-Z]{6,20}", re.I)
_PAGE = re.compile(r"第?\s*([0-9]{1,4})\s*页")
_FULL = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?")
_SHORT = re.compile(r"(\d{1,2})[-/.月](\d{1,2})日?")
_DAYS_AGO = {"昨天": 1, "昨日": 1, "前天": 2, "大前天": 3}
_EXCEL = frozenset({"excel", "下载", "表格"})
_AGAIN = frozenset({"重来", "重新", "重新对账"})


def _allowed(staff: Staff, policies: Policies) -> bool:
    return may_see(staff, policies.reconcile)


@router.command(
    "对账",
    usage="对账 昨天|2026-01-05",
    help="看一天的账对得怎么样；没对过就马上对",
    aliases=("duizhang", "reconcile", "账单"),
    allowed=_allowed,
)
async def show_books(ctx: Context, text: str) -> None:
    """`对账 2026-01-05 excel` sends the workbook, `重来` compares the day again."""
    day, rest = read_day(ctx, text)
    if day is None:
        ctx.say("请写日期，例如：对账 昨天，对账 2026-01-05，对账 1月5日")
        return
    if rest & _EXCEL:
        await _excel(ctx, day)
    else:
        await _show(ctx, day, again=bool(rest & _AGAIN))


async def _show(ctx: Context, day: date, *, again: bool) -> None:
    now = ctx.scene.clock.now()
    if day > yesterday(now):
        ctx.say(f"{day} 还没有过完，账单要到第二天上午才有。可以发：对账 昨天")
        return
    book = await ctx.uow.books.day(day)
    if book is not None and book.state is DayState.DONE and not again:
        ctx.show(reconcile_subject(day))
        return
    ctx.uow.books.save_day(wanted(book, day, now, ctx.here.to_args()))
    ctx.say(f"正在对 {day} 的账，好了把卡片发给你")


async def _excel(ctx: Context, day: date) -> None:
    book = await ctx.uow.books.day(day)
    if book is None or book.books is None:
        ctx.say(f"{day} 还没有对过账，请先发：对账 {day}")
        return
    args = {**ctx.here.to_args(), "staff": ctx.staff.id}
    ctx.uow.send(Effect("books.workbook", reconcile_subject(day), args))
    ctx.say("正在做 Excel，好了发给你")


@router.command(
    "差异",
    usage="差异 [日期|类别|DF编号]",
    help="对账差异的清单，或一笔差异",
    aliases=("chayi", "differences"),
    allowed=_allowed,
)
async def show_differences(ctx: Context, text: str) -> None:
    if found := _NUMBER.search(text):
        if difference := await _visible(ctx, found.group()):
            if "为什么" in text or "why" in text.casefold():
                ctx.say(explain(ctx, difference))
            else:
                ctx.show(difference_subject(difference.number))
        return
    page = match.group(1) if (match := _PAGE.search(text)) else "1"
    rest = _PAGE.sub(" ", text).split()
    day, category = None, ""
    for word in rest:
        if kind := category_of(word):
            category = kind.value
        elif one := _one_day(ctx, word):
            day = one
        else:
            names = "、".join(CATEGORY_NAMES.values())
            ctx.say(f"没看懂“{word[:20]}”。可以发：差异 昨天，差异 DF编号，或按类别：{names}")
            return
    ctx.show(list_subject(day, category), page=page)


def read_day(ctx: Context, text: str) -> tuple[date | None, frozenset[str]]:
    """The day that is named (yesterday when none is), and the other words; None for what is no day."""
    rest: set[str] = set()
    day: date | None = None
    for word in text.split():
        if (one := _one_day(ctx, word)) is not None:
            day = one
        elif word.casefold() in _EXCEL | _AGAIN:
            rest.add(word.casefold())
        else:
            return None, frozenset(rest)
    return day or yesterday(ctx.scene.clock.now()), frozenset(rest)


def _one_day(ctx: Context, word: str) -> date | None:
    today = shanghai(ctx.scene.clock.now()).date()
    if word in _DAYS_AGO:
        return today - timedelta(days=_DAYS_AGO[word])
    if word in ("今天", "今日"):
        return today
    try:
        if full := _FULL.fullmatch(word):
            return date(*map(int, full.groups()))
        if short := _SHORT.fullmatch(word):
            month, day = map(int, short.groups())
            # 29 February is in a year that has one; a day that is still to come was last year's.
            years = (today.year, *range(today.year - 1, today.year - 5, -1))
            return next((d for y in years if (d := _date(y, month, day)) and d <= today), None)
    except ValueError:
        return None
    return None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


# --- what people do about a difference, typed ----------------------------------------------------------------


def _typed(name: str, deed: Deed, usage: str, help_text: str, aliases: tuple[str, ...] = ()) -> None:
    async def handler(ctx: Context, text: str) -> None:
        number, _, rest = text.strip().partition(" ")
        await _decide(ctx, Wish(number.upper(), deed, ctx.staff, ctx.origin, rest.strip()))

    router.command(name, usage=usage, help=help_text, aliases=aliases, allowed=_allowed)(handler)


_typed("认领差异", Deed.TAKE, "认领差异 DF编号", "这笔差异归我查")
_typed("差异备注", Deed.NOTE, "差异备注 DF编号 内容", "给差异写一句")
_typed("核销", Deed.ASK, "核销 DF编号 原因", "申请核销一笔差异，由另一个人批准", ("hexiao",))
_typed("批准核销", Deed.APPROVE, "批准核销 DF编号", "批准别人的核销申请")
_typed("驳回核销", Deed.REJECT, "驳回核销 DF编号 原因", "驳回核销申请")
_typed("关闭差异", Deed.CLOSE, "关闭差异 DF编号 原因", "查清了，关闭")


# --- taps ---------------------------------------------------------------------------------------------------


@router.tap("reconcile.list")
async def list_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    if _allowed(ctx.staff, ctx.scene.policies):
        ctx.show(list_subject(date.fromisoformat(action.subject.id)))


@router.tap("reconcile.excel")
async def excel_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    if _allowed(ctx.staff, ctx.scene.policies):
        await _excel(ctx, date.fromisoformat(action.subject.id))


@router.tap("reconcile.again")
async def again_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    """The tapped card is drawn again when the day is done, and not before: a card may have one drawing left."""
    if not _allowed(ctx.staff, ctx.scene.policies):
        return
    day = date.fromisoformat(action.subject.id)
    book = await ctx.uow.books.day(day)
    ctx.uow.books.save_day(wanted(book, day, ctx.scene.clock.now()))
    ctx.redraw = False
    ctx.say(f"正在重新对 {day} 的账，好了卡片会更新")


@router.tap("differences.page")
async def turn(ctx: Context, _tap: Tap, action: Action) -> None:
    if ctx.card is not None and ctx.card.subject.type == "differences":
        ctx.card = replace(
            ctx.card, params={**ctx.card.params, "page": action.args[0] if action.args else "1"}
        )


@router.tap("difference.open")
async def open_difference(ctx: Context, _tap: Tap, action: Action) -> None:
    if difference := await _visible(ctx, action.subject.id):
        ctx.show(difference_subject(difference.number))


@router.tap("difference.order")
async def open_order(ctx: Context, _tap: Tap, action: Action) -> None:
    difference = await _visible(ctx, action.subject.id)
    orders = await ctx.uow.books.orders_numbered([difference.order_no]) if difference else {}
    if difference is not None and not orders:
        ctx.say(f"这里没有订单 {difference.order_no}，可以发：查单 {difference.order_no}，去店铺找")
    for order in orders.values():
        ctx.show(order_subject(order.id))


@router.tap("difference.why")
async def why(ctx: Context, _tap: Tap, action: Action) -> None:
    if difference := await _visible(ctx, action.subject.id):
        ctx.say(explain(ctx, difference))


@router.tap("difference.note")
async def note_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    """Words cannot be tapped: say how."""
    ctx.say(f"请发：差异备注 {action.subject.id} 内容")


@router.tap("difference.back")
async def back(ctx: Context, _tap: Tap, _action: Action) -> None:
    _step(ctx, "")


@router.tap("difference.take")
async def take_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    await _decide(ctx, _tapped(ctx, action, Deed.TAKE))


@router.tap("difference.approve")
async def approve_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    await _decide(ctx, _tapped(ctx, action, Deed.APPROVE))


@router.tap("difference.ask")
async def ask_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    await _with_reason(ctx, action, Deed.ASK, "ask")


@router.tap("difference.reject")
async def reject_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    await _with_reason(ctx, action, Deed.REJECT, "reject")


@router.tap("difference.close")
async def close_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    await _with_reason(ctx, action, Deed.CLOSE, "close")


async def _with_reason(ctx: Context, action: Action, deed: Deed, step: str) -> None:
    """The first tap asks for the reason, the second brings its number in the list."""
    reasons = reasons_of(ctx.scene.policies.reconcile, step)
    chosen = int(action.args[0]) if action.args and action.args[0].isdecimal() else -1
    reason = reasons[chosen] if 0 <= chosen < len(reasons) else ""
    await _decide(ctx, replace(_tapped(ctx, action, deed), words=reason), step)


def _tapped(ctx: Context, action: Action, deed: Deed) -> Wish:
    return Wish(action.subject.id, deed, ctx.staff, ctx.origin, seen_revision=action.revision)


async def _decide(ctx: Context, wish: Wish, step: str = "") -> None:
    scene = ctx.scene
    around = Surroundings(scene.clock.now(), scene.policies.reconcile, scene.directory)
    answer, difference = await decide(ctx.uow, wish, around)
    tapped = ctx.card is not None
    _step(ctx, step if answer is Answer.WORDS else "")
    if difference is None:
        ctx.say(f"没找到差异“{wish.number[:20]}”，请核对 DF 编号")
    elif answer is Answer.DONE:
        if tapped:
            ctx.redraw = False  # the decision has touched every card of it
        else:
            ctx.show(difference_subject(difference.number))
    elif answer is not Answer.WORDS or not tapped:
        ctx.say(_refusal(answer, difference, wish))


def _refusal(answer: Answer, difference: Difference, wish: Wish) -> str:
    number = difference.number
    usage = {Deed.NOTE: "差异备注", Deed.ASK: "核销", Deed.REJECT: "驳回核销", Deed.CLOSE: "关闭差异"}
    match answer:
        case Answer.LATE:
            return f"{number} {STATE_NAMES[difference.state]}，不用再处理：{difference.outcome}"
        case Answer.STALE:
            return f"{number} 刚有变化，卡片已更新，请看过再点"
        case Answer.WORDS:
            return f"请写明内容，例如：{usage.get(wish.deed, '差异备注')} {number} 平台确认"
        case Answer.OWN:
            return "不能批准自己申请的核销，已通知其他审批人"
        case Answer.NOT_ASKED:
            return f"{number} 没有人申请核销。要核销请发：核销 {number} 原因"
        case Answer.ASKED:
            return f"{number} 的核销正等审批（{difference.asked_name}申请），批准或驳回后再处理"
        case _:
            return "你没有处理这笔差异的权限，请找财务或主管"


def _step(ctx: Context, step: str) -> None:
    if ctx.card is not None and ctx.card.subject.type == "difference":
        ctx.card = replace(ctx.card, params={**ctx.card.params, "step": step})


async def _visible(ctx: Context, number: str) -> Difference | None:
    difference = await ctx.uow.books.difference(number.upper())
    if difference is None or not _allowed(ctx.staff, ctx.scene.policies):
        ctx.say(f"没找到差异“{number[:20]}”，请核对 DF 编号")
        return None
    return difference


def explain(ctx: Context, difference: Difference) -> str:
    now = ctx.scene.clock.now()
    return words(
        "difference_why",
        difference=difference,
        category=CATEGORY_NAMES[difference.category],
        rule=rule_name(difference.rule),
        notes=[f"{day_time(note.at, now)} {note.by} {note.text}" for note in difference.notes],
    )
