"""预警: list alerts, take them, put them to sleep, hand them on, close them. The domain decides each time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from cards.action import Action
from cards.alert import headline, name_of, surroundings
from cards.alert_list import list_subject
from cards.scene import day_time
from cards.words import words
from domain.alert import Alert, AlertFilter, alert_subject, can_see_alert
from domain.alert_life import Answer, Wish, acknowledge, acknowledge_all, close, reassign, snooze
from domain.alert_rules import LEVEL_NAMES, words_for
from domain.chat import Tap
from domain.staff import Role, Staff
from handlers.router import Context, Router

router = Router(place=35)
_NUMBER = re.compile(r"AL\d{6}[0-9A-Z]{6}", re.IGNORECASE)
_CUT_SHORT = re.compile(r"\bAL[0-9A-Z]+", re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(天|小时|个小时|h|分钟|分|m|d)", re.IGNORECASE)
_UNITS = {"天": 1440, "d": 1440, "小时": 60, "个小时": 60, "h": 60, "分钟": 1, "分": 1, "m": 1}
_LEVELS = {"红": "red", "红灯": "red", "red": "red", "黄": "yellow", "黄灯": "yellow", "yellow": "yellow"}


@router.command(
    "预警",
    usage="预警 [红/黄/店铺/编号]",
    help="看亮着的灯，最急的在前",
    aliases=("警报", "yujing", "alerts"),
)
async def list_alerts(ctx: Context, text: str) -> None:
    number = _NUMBER.search(text)
    if number:
        if alert := await _visible(ctx, number[0]):
            ctx.show(alert_subject(alert.number))
        return
    params: dict[str, str] = {}
    for word in text.split():
        if level := _LEVELS.get(word.casefold()):
            params["level"] = level
        elif shop := _shop(ctx, word):
            params["shop"] = shop
        else:
            ctx.say(f"没有叫“{word[:20]}”的店铺。可发：预警 红，预警 {_some_shop(ctx)}")
            return
    ctx.show(list_subject(), **params)


def _shop(ctx: Context, word: str) -> str:
    for code, shop in ctx.scene.shops.items():
        if word.casefold() in (code.casefold(), shop.name.casefold()) or (
            len(word) > 1 and word in shop.name
        ):
            return code
    return ""


def _some_shop(ctx: Context) -> str:
    return next((shop.name for shop in ctx.scene.shops.values()), "店铺名")


@router.command("认领", usage="认领 [编号]", help="这条预警我来处理", aliases=("renling",))
async def take(ctx: Context, text: str) -> None:
    if text and not _NUMBER.search(text):  # never another alert than the one that was meant
        ctx.say(_not_found(text))
    elif number := await _named(ctx, text):
        answer, alert = await acknowledge(
            ctx.uow, Wish(number, ctx.staff, ctx.origin), surroundings(ctx.scene)
        )
        _answer(ctx, answer, alert, number)


@router.command("静默", usage="静默 2小时 [编号]", help="先不提醒，到时再来", aliases=("jingmo", "snooze"))
async def sleep(ctx: Context, text: str) -> None:
    rest = _CUT_SHORT.sub(" ", text)
    span = read_span(rest) if rest.strip() else ctx.scene.policies.sla.snooze
    if span is None:
        ctx.say("请写多久，例如：静默 2小时，静默 30分钟 AL编号")
        return
    if number := await _named(ctx, text):
        wish = Wish(number, ctx.staff, ctx.origin)
        answer, alert = await snooze(ctx.uow, wish, span, surroundings(ctx.scene))
        _answer(ctx, answer, alert, number)


def read_span(text: str) -> timedelta | None:
    """`2小时`, `1天12小时`, `30分`; a bare number is hours. None when it is no length of time."""
    parts = _SPAN.findall(text)
    left = _SPAN.sub("", text).strip()
    if parts and not left:
        return timedelta(minutes=sum(float(n) * _UNITS[unit.casefold()] for n, unit in parts))
    return timedelta(hours=float(left)) if re.fullmatch(r"\d{1,3}", left) and not parts else None


@router.command("转派", usage="转派 @姓名 [编号]", help="把预警交给别人", aliases=("zhuanpai", "reassign"))
async def hand_on(ctx: Context, text: str) -> None:
    name = _NUMBER.sub(" ", text).replace("@", " ").strip()
    if not name:
        ctx.say("请写交给谁，例如：转派 @姓名 AL编号")
        return
    if number := await _named(ctx, text):
        wish = Wish(number, ctx.staff, ctx.origin)
        answer, alert = await reassign(ctx.uow, wish, find_person(ctx, name), surroundings(ctx.scene))
        _answer(ctx, answer, alert, number, name=name)


def find_person(ctx: Context, name: str) -> Staff | None:
    """By id, else by a name that only one person has."""
    found = ctx.scene.directory.by_id(name)
    named = [p for p in ctx.scene.directory.with_roles(frozenset(Role)) if p.name == name]
    return found or (named[0] if len(named) == 1 else None)


@router.command(
    "关闭预警", usage="关闭预警 编号 原因", help="这次不用管了，写明原因", aliases=("guanbiyujing",)
)
async def shut(ctx: Context, text: str) -> None:
    reason = _NUMBER.sub(" ", text)
    if number := await _named(ctx, text):
        wish = Wish(number, ctx.staff, ctx.origin)
        answer, alert = await close(ctx.uow, wish, reason, surroundings(ctx.scene))
        _answer(ctx, answer, alert, number)


# --- buttons ---------------------------------------------------------------------------------------------


@router.tap("alert.take")
async def take_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    answer, alert = await acknowledge(ctx.uow, _tapped(ctx, action), surroundings(ctx.scene))
    _answer(ctx, answer, alert, action.subject.id)


@router.tap("alert.snooze")
async def sleep_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    span = ctx.scene.policies.sla.snooze
    answer, alert = await snooze(ctx.uow, _tapped(ctx, action), span, surroundings(ctx.scene))
    _answer(ctx, answer, alert, action.subject.id)


@router.tap("alert.hand")
async def hand_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    """The first tap asks for whom, the second brings the person."""
    if not action.args:
        _step(ctx, "hand")
        return
    _step(ctx, "")
    to = ctx.scene.directory.by_id(action.args[0])
    answer, alert = await reassign(ctx.uow, _tapped(ctx, action), to, surroundings(ctx.scene))
    _answer(ctx, answer, alert, action.subject.id, name=action.args[0])


@router.tap("alert.close")
async def close_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    """The first tap asks for the reason, the second brings its number in the list of the policy."""
    reasons = ctx.scene.policies.sla.close_reasons
    chosen = int(action.args[0]) if action.args and action.args[0].isdecimal() else -1
    if not 0 <= chosen < len(reasons):
        _step(ctx, "close")
        return
    _step(ctx, "")
    answer, alert = await close(ctx.uow, _tapped(ctx, action), reasons[chosen], surroundings(ctx.scene))
    _answer(ctx, answer, alert, action.subject.id)


@router.tap("alert.back")
async def back(ctx: Context, _tap: Tap, _action: Action) -> None:
    _step(ctx, "")


@router.tap("alert.open")
async def open_alert(ctx: Context, _tap: Tap, action: Action) -> None:
    if alert := await _visible(ctx, action.subject.id):
        ctx.show(alert_subject(alert.number))


@router.tap("alert.why")
async def why_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    await explain(ctx, action.subject.id)


@router.tap("alerts.page")
async def turn_page(ctx: Context, _tap: Tap, action: Action) -> None:
    if ctx.card is not None and action.args:
        ctx.card = replace(ctx.card, params={**ctx.card.params, "page": action.args[0]})


@router.tap("alerts.take")
async def take_all(ctx: Context, _tap: Tap, action: Action) -> None:
    around = surroundings(ctx.scene)
    taken, others = await acknowledge_all(ctx.uow, action.subject.id, ctx.staff, ctx.origin, around)
    rest = f"，{others} 条已有人认领" if others else ""
    ctx.say(f"认领了 {taken} 条{rest}。发“我的待办”逐条看" if taken else f"没有要认领的了{rest}")


def _tapped(ctx: Context, action: Action) -> Wish:
    return Wish(action.subject.id, ctx.staff, ctx.origin, action.revision)


def _step(ctx: Context, step: str) -> None:
    if ctx.card is not None and ctx.card.subject.type == "alert":
        ctx.card = replace(ctx.card, params={**ctx.card.params, "step": step})


# --- answers ---------------------------------------------------------------------------------------------


def _answer(ctx: Context, answer: Answer, alert: Alert | None, number: str, name: str = "") -> None:
    """A tap that worked needs no words: its card shows the outcome. Everything else is said."""
    tapped = ctx.card is not None
    if alert is None:
        ctx.say(_not_found(number))
    elif answer is not Answer.DONE:
        ctx.say(_explain(ctx, answer, alert, name))
    elif tapped:
        ctx.redraw = False  # what was done has touched every card of it
    else:
        ctx.say(f"{alert.number} {alert.story[-1].text}" if alert.story else f"{alert.number} 好了")


def _explain(ctx: Context, answer: Answer, alert: Alert, name: str) -> str:
    number, policy = alert.number, ctx.scene.policies.sla
    owner = name_of(ctx.scene, alert.owner)
    said: Mapping[Answer, str] = {
        Answer.OVER: f"{number} {headline(ctx.scene, alert)}，不用再处理",
        Answer.TAKEN: f"{number} 已由{owner}认领；要接手请发：转派 @{ctx.staff.name} {number}",
        Answer.MINE: f"{number} 已经是你的了",
        Answer.STALE: f"{number} 刚有变化，卡片已更新，请看过再点",
        Answer.REASON: f"请写明原因，例如：关闭预警 {number} {policy.close_reasons[0]}",
        Answer.LONG: f"静默要大于 0、不超过 {words_for(policy.snooze_most)}；确实不用管请发：关闭预警 {number} 原因",
        Answer.NOBODY: f"找不到同事“{name[:20]}”，或没有能通知到他的账号，请核对姓名",
        Answer.BLIND: f"{name[:20]}看不到这张订单（区域、仓库或店铺不同），请换一个人",
    }
    return said[answer]


async def explain(ctx: Context, number: str) -> None:
    if alert := await _visible(ctx, number):
        now = ctx.scene.clock.now()
        story = [f"{day_time(line.at, now)} {line.text}" for line in alert.story]
        ctx.say(words("alert_why", alert=alert, level=LEVEL_NAMES[alert.level], story=story))


async def _visible(ctx: Context, number: str) -> Alert | None:
    alert = await ctx.uow.alerts.get(number.strip().upper())
    if alert is None or not can_see_alert(ctx.staff, alert):
        ctx.say(_not_found(number))
        return None
    return alert


def _not_found(number: str) -> str:
    word = number.split()[0][:20] if number.split() else ""
    if word.upper().startswith("EX"):
        return f"这是异常单的编号，请发：认领异常 {word}"
    return f"没找到预警“{word}”，发“预警”看亮着的灯"


async def _named(ctx: Context, text: str) -> str:
    """The number in the text, else the alert shown last; "" after saying why neither will do."""
    if match := _NUMBER.search(text):
        return match[0].upper()
    if match := _CUT_SHORT.search(text):
        ctx.say(_not_found(match[0]))
        return ""
    found = await ctx.uow.alerts.find_open(AlertFilter())
    mine = [alert for alert in found.alerts if can_see_alert(ctx.staff, alert) and alert.shown]
    newest = sorted(mine, key=lambda alert: alert.turned_at or alert.raised_at, reverse=True)
    if not newest:
        ctx.say("现在没有亮着的灯")
        return ""
    same = [a for a in newest if (a.turned_at or a.raised_at) == (newest[0].turned_at or newest[0].raised_at)]
    if len(same) > 1:
        ctx.say(f"最近同时亮了 {len(same)} 条，请带上编号，例如 {newest[0].number}；发“预警”逐条看")
        return ""
    return newest[0].number


async def todo(ctx: Context) -> list[str]:
    """Alerts that are this person's."""
    found = await ctx.uow.alerts.find_open(AlertFilter(owner=ctx.staff.id))
    return [
        f"{LEVEL_NAMES[alert.level]} {alert.label} {headline(ctx.scene, alert)}：发 预警 {alert.number}"
        for alert in found.alerts
    ]
