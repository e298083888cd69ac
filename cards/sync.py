"""同步状态: how fresh each shop's orders are, what is wrong with those that are not, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cards import sample_data
from cards.action import Action
from cards.model import Button, Card, Field, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, ShopInfo, Viewer, day_time
from domain.chat import SubjectRef
from domain.clock import shanghai
from domain.order import Order
from domain.permission import can_mind_shops, can_see_shop
from domain.ports import UnitOfWork
from domain.sync import ShopSync, sync_subject
from domain.sync_health import failures_last_hour, is_stale

SUBJECT = "sync"
MAX_LISTED = 5  # what a WeCom card shows of its lines
_ORDER = {Light.RED: 0, Light.YELLOW: 1, Light.GREY: 2, Light.GREEN: 3}


@dataclass(frozen=True)
class ShopLine:
    """One shop with its state, its open quarantine and the orders placed today."""

    shop: ShopInfo
    state: ShopSync
    held: int = 0
    today: int = 0


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """None for a shop that is not there, or not this viewer's."""
    shops = [shop for shop in scene.shops.values() if can_see_shop(viewer.staff, shop.code, shop.region)]
    if subject != sync_subject():
        shops = [shop for shop in shops if shop.code == subject.id]
    if not shops:
        return None
    states = {state.shop_code: state for state in await uow.sync.shops()}
    held = await uow.sync.held_counts()
    midnight = shanghai(scene.clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    today = await uow.sync.came_since(midnight)
    lines = [
        ShopLine(s, states.get(s.code, ShopSync(s.code)), held.get(s.code, 0), today.get(s.code, 0))
        for s in shops
    ]
    if subject == sync_subject():
        return view_all(scene, lines, viewer)
    return view_one(scene, lines[0], viewer, trouble="trouble" in params)


def light_of(scene: Scene, line: ShopLine) -> Light:
    state, now = line.state, scene.clock.now()
    if line.shop.connected and not line.shop.pulls:
        return Light.YELLOW if line.held else Light.GREEN
    if not line.shop.connected or (state.cursor is None and not state.failures):
        return Light.GREY
    if state.paused or (state.resting and is_stale(state, now, scene.policies.sync)):
        return Light.RED
    troubled = state.failures or state.unsettled or line.held
    return Light.YELLOW if troubled or is_stale(state, now, scene.policies.sync) else Light.GREEN


def word_of(scene: Scene, line: ShopLine) -> str:
    """The state in a few words."""
    state, now = line.state, scene.clock.now()
    if not line.shop.connected:
        return "没有接入"
    if not line.shop.pulls:
        return "只收推送"
    if state.paused:
        return "授权失效，已停"
    if state.resting and state.next_try is not None:
        return f"连续失败，{day_time(state.next_try, now)} 再试"
    if state.failures:
        return f"失败 {state.failures} 次，正在重试"
    if state.cursor is None:
        return "还没拉取过"
    return f"{_age(now - state.cursor)}前"


def view_all(scene: Scene, lines: Sequence[ShopLine], viewer: Viewer) -> Card:
    ranked = sorted(lines, key=lambda line: (_ORDER[light_of(scene, line)], line.shop.code))
    lights = [light_of(scene, line) for line in ranked]
    troubled = sum(1 for light in lights if light in (Light.RED, Light.YELLOW))
    word = f"{troubled} 家店要看一下" if troubled else "都正常"
    shown = [_row(scene, line) for line in ranked[:MAX_LISTED]]
    if len(ranked) > MAX_LISTED:
        shown.append(f"还有 {len(ranked) - MAX_LISTED} 家，发：同步状态 店铺")
    open_one = [
        _button(line.shop.name, "sync.open", line.shop.code, f"同步状态 {line.shop.name}")
        for line, light in zip(ranked, lights, strict=True)
        if light in (Light.RED, Light.YELLOW)
    ][:3]
    return Card(
        kind="sync",
        subject=sync_subject(),
        title=f"同步状态：{word}",
        summary=f"同步状态：{word}",
        light=lights[0],
        fields=(
            Field("店铺", str(len(lines))),
            Field("今天", f"{sum(line.today for line in lines)} 单"),
            Field("隔离", f"{sum(line.held for line in lines)} 单"),
        ),
        lines=tuple(shown),
        buttons=(_button("刷新", "sync.refresh", "", "同步状态", Style.PRIMARY), *open_one),
        footer=f"编号 {viewer.short_trace}",
    )


def _row(scene: Scene, line: ShopLine) -> str:
    extra = f" 隔离{line.held}" if line.held else ""
    light = light_of(scene, line).value
    return f"{light}{line.shop.name[:10]} {word_of(scene, line)} {line.today}单{extra}"


def view_one(scene: Scene, line: ShopLine, viewer: Viewer, *, trouble: bool = False) -> Card:
    """`trouble`: this card was sent because something was wrong; that it is well again is its last word."""
    state, now, name = line.state, scene.clock.now(), line.shop.name
    word = word_of(scene, line)
    fields = [
        Field("数据到", day_time(state.cursor, now) or "—"),
        Field("上次成功", day_time(state.succeeded_at, now) or "—"),
        Field("失败", f"近一小时 {failures_last_hour(state, now)} 次"),
        Field("隔离", f"{line.held} 单"),
        Field("今天", f"{line.today} 单"),
    ]
    if state.counted_at is not None:
        fields.append(
            Field("核对", f"{day_time(state.counted_at, now)} 我们 {state.ours}，平台 {state.theirs}")
        )
    buttons = [_button("刷新", "sync.refresh", line.shop.code, f"同步状态 {name}", Style.PRIMARY)]
    if line.shop.connected and line.shop.pulls and can_mind_shops(viewer.staff):
        buttons.append(_button("立即同步", "sync.retry", line.shop.code, f"同步 {name}"))
    return Card(
        kind="sync",
        subject=sync_subject(line.shop.code),
        title=f"{name} 同步：{word}",
        summary=f"{name} 同步：{word}",
        light=light_of(scene, line),
        subtitle=line.shop.code,
        fields=tuple(fields),
        lines=tuple(_advice(scene, line)),
        buttons=tuple(buttons),
        final="已恢复" if trouble and not (state.failures or state.paused or state.unsettled) else "",
        footer=f"编号 {viewer.short_trace}",
    )


def _advice(scene: Scene, line: ShopLine) -> list[str]:
    """What is wrong, and the next step."""
    state, now, code = line.state, scene.clock.now(), line.shop.code
    lines: list[str] = []
    if state.last_error:
        lines.append(f"最近一次错误：{state.last_error[:120]}")
    if state.paused:
        lines.append(f"下一步：请店主在平台重新授权，把新的授权填进 shops.{code} 后重启，会自动接着拉。")
    elif state.failures:
        known = f"期间按 {day_time(state.cursor, now)} 的数据回答" if state.cursor else "还没有数据"
        lines.append(f"下一步：不用处理，会自动重试；{known}。一直不好就看网络和 shops.{code} 的设置。")
    if state.unsettled:
        lines.append("订单数和平台对不上，重读后还是不同：请到店铺后台核对近两天的订单。")
    if line.held:
        lines.append(f"有 {line.held} 张订单在隔离区：发“隔离单”逐张处理。")
    return lines


def stale_note(scene: Scene, order: Order, state: ShopSync) -> str:
    """What an order's card says while its shop cannot be read; "" when we are up to date, or never pulled it."""
    if state.cursor is None:
        return ""
    known = max(state.cursor, order.seen_at or state.cursor)
    now = scene.clock.now()
    if now - known <= scene.policies.sync.stale_after:
        return ""
    name = scene.shop_name(state.shop_code)
    return f"{name}已 {_age(now - known)}没同步上，这是 {day_time(known, now)} 的状态"


def _age(lag: timedelta) -> str:
    minutes = int(lag.total_seconds() // 60)
    if minutes < 1:
        return "不到 1 分钟"
    if minutes < 120:
        return f"{minutes} 分钟"
    return f"{minutes // 60} 小时" if minutes < 48 * 60 else f"{minutes // 1440} 天"


def _button(text: str, verb: str, code: str, command: str, style: Style = Style.NORMAL) -> Button:
    return Button(text, Action(verb, sync_subject(code)).encode(), command, style)


def samples(scene: Scene) -> list[Sample]:
    """Every state of a shop, and the list of all."""
    shop = scene.shops[sample_data.SHOP]
    now = sample_data.MOMENT
    fine = ShopLine(shop, _sample_state(now), 0, 32)
    failing = replace(
        fine.state,
        cursor=now - timedelta(minutes=55),
        failures=7,
        failed_at=tuple(now - timedelta(minutes=n) for n in range(12)),
        next_try=now + timedelta(minutes=8),
        resting=True,
        last_error="淘宝服务出错（HTTP 504）",
    )
    ended = replace(failing, paused="0a1b2c3d4e5f", next_try=None, last_error="店铺授权已失效")
    differ = replace(fine.state, counted_at=now - timedelta(hours=7), ours=96, theirs=98, unsettled=True)
    others = [
        ShopLine(
            replace(shop, code=f"shop-{n}", name=f"第{n}分店"), replace(fine.state, shop_code=f"shop-{n}")
        )
        for n in range(1, 10)
    ]
    viewer = sample_data.SUPERVISOR
    return [
        Sample("sync-all", view_all(scene, [fine, *others[:2]], viewer)),
        Sample("sync-all-troubled", view_all(scene, [*others, replace(fine, state=failing, held=3)], viewer)),
        Sample("sync-shop", view_one(scene, fine, viewer)),
        Sample("sync-shop-resting", view_one(scene, replace(fine, state=failing), viewer)),
        Sample("sync-shop-paused", view_one(scene, replace(fine, state=ended), viewer)),
        Sample("sync-shop-recovered", view_one(scene, fine, viewer, trouble=True)),
        Sample("sync-shop-differs", view_one(scene, replace(fine, state=differ, held=2), viewer)),
    ]


def _sample_state(now: datetime) -> ShopSync:
    return ShopSync(
        sample_data.SHOP,
        cursor=now - timedelta(minutes=3),
        tried_at=now - timedelta(minutes=2),
        succeeded_at=now - timedelta(minutes=2),
        counted_at=now - timedelta(hours=7),
        ours=98,
        theirs=98,
    )
