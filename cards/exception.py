"""An exception: what is known, what to do next, and the buttons that do it."""

from __future__ import annotations

from collections.abc import Mapping

from cards import sample_data
from cards.action import Action
from cards.model import Button, Card, Field, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from domain.chat import SubjectRef
from domain.exception import (
    CLOSED,
    KIND_NAMES,
    OrderException,
    can_see_exception,
    can_settle_exception,
    exception_subject,
)
from domain.exception_case import SYSTEM
from domain.ports import UnitOfWork

SUBJECT = "exception"
NEXT = {
    "address": "请联系买家补全地址或电话，在店铺后台改好后点“刷新订单”，恢复了会自动关闭。",
    "watch_word": "请先看备注再发货；处理好后点“关闭”并选原因。",
    "stock": "请补货或调拨，库存更新后自动关闭；来不及就让客服先联系买家。",
    "stuck": "请查清卡在哪一步，点“刷新订单”看店铺最新状态。",
    "payment": "请和店铺账单核对；核对无误后关闭，有差异转对账处理。",
    "quarantine": "这张订单没能入库，点“重新处理”再读一次；还不行就把原因发给管理员。",
    "effect": "这一步多次失败已停止。排除原因后点“重试”，不再需要就关闭。",
}
REASONS = {
    "address": ("已联系买家更正", "地址无误", "订单已取消"),
    "watch_word": ("已按备注处理", "已联系买家", "无需处理"),
    "stock": ("已补货", "已调拨", "已下架"),
    "stuck": ("已处理", "平台处理中", "订单已取消"),
    "payment": ("核对无误", "已转对账", "已退差价"),
    "quarantine": ("已在店铺核对", "测试订单"),
    "effect": ("已人工处理", "不再需要"),
}


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    item = await uow.exceptions.get(subject.id)
    if item is None or not can_see_exception(viewer.staff, item, scene.policies.exceptions.raci(item.kind)):
        return None
    return view(scene, item, viewer, params.get("step", ""))


def view(scene: Scene, item: OrderException, viewer: Viewer, step: str = "") -> Card:
    """`step` "close" asks for the reason."""
    raci = scene.policies.exceptions.raci(item.kind)
    settles = item.state != CLOSED and can_settle_exception(viewer.staff, item, raci)
    name = KIND_NAMES[item.kind]
    return Card(
        kind="exception",
        page=f"orders/{item.subject.id}" if item.subject.type == "order" else "",
        subject=exception_subject(item.number),
        title=f"{name} {item.label[-12:]}",
        summary=f"{item.number} {name} {item.label}：{_seen(item)}",
        light=_light(item),
        subtitle=" · ".join(part for part in (_where(scene, item), item.number) if part),
        fields=tuple(Field(label[:5], value[:30]) for label, value in item.facts.items())[:6],
        lines=_lines(scene, item, step if settles else ""),
        buttons=_buttons(item, step) if settles else (),
        menu=(_button("为什么", "exception.why", item, f"为什么 {item.number}"),),
        final=_final(scene, item),
        footer=f"编号 {viewer.short_trace}",
    )


def _seen(item: OrderException) -> str:
    return "，".join(f"{label} {value}" for label, value in item.facts.items())[:60]


def _where(scene: Scene, item: OrderException) -> str:
    return scene.shop_name(item.shop_code) if item.shop_code else item.warehouse


def _light(item: OrderException) -> Light:
    if item.state == CLOSED:
        return Light.GREEN
    return Light.RED if item.red else Light.YELLOW


def _lines(scene: Scene, item: OrderException, step: str) -> tuple[str, ...]:
    if step == "close":
        return ("请选关闭原因；其他原因请发：", f"关闭异常 {item.number} 原因")
    raised = f"{day_time(item.raised_at, scene.clock.now())} 发现"
    if item.state == CLOSED:
        return (raised,)  # what to do next no longer holds
    owner = f"{item.owner_name} 在处理" if item.owner else "还没有人认领"
    return (f"{raised}，{owner}", NEXT[item.kind])


def _final(scene: Scene, item: OrderException) -> str:
    if item.state != CLOSED:
        return ""
    person = scene.directory.by_id(item.closed_by)
    who = "自动关闭" if item.closed_by == SYSTEM else f"{person.name if person else item.closed_by}关闭"
    return f"{day_time(item.closed_at, scene.clock.now())} {who}：{item.reason}"


def _buttons(item: OrderException, step: str) -> tuple[Button, ...]:
    if step == "close":
        reasons = REASONS[item.kind]
        chosen = (
            _button(text, "exception.close", item, f"关闭异常 {item.number} {text}", Style.DANGER, str(n))
            for n, text in enumerate(reasons)
        )
        return (*chosen, _button("返回", "exception.back", item, f"异常 {item.number}"))
    return (
        *_doing(item),
        *([] if item.owner else [_button("认领", "exception.take", item, f"认领异常 {item.number}")]),
        _button("关闭", "exception.close", item, f"关闭异常 {item.number} 原因", Style.DANGER),
        *(
            [_button("开作战室", "room.open", item, f"作战室 {item.number}", Style.DANGER)]
            if item.red
            else []
        ),
    )


def _doing(item: OrderException) -> tuple[Button, ...]:
    """What can be done about it from here."""
    if item.kind == "quarantine":
        return (_button("重新处理", "exception.redo", item, f"重试异常 {item.number}", Style.PRIMARY),)
    if item.kind == "effect":
        return (_button("重试", "exception.redo", item, f"重试异常 {item.number}", Style.PRIMARY),)
    if item.subject.type == "order":
        opened = Action("order.open", item.subject).encode()
        return (
            _button("刷新订单", "exception.redo", item, f"重试异常 {item.number}", Style.PRIMARY),
            Button("看订单", opened, f"查单 {item.label}"),
        )
    return ()


def _button(
    text: str, verb: str, item: OrderException, command: str, style: Style = Style.NORMAL, *args: str
) -> Button:
    action = Action(verb, exception_subject(item.number), item.revision, args)
    return Button(text, action.encode(), command, style)


def samples(scene: Scene) -> list[Sample]:
    order = sample_data.sample_order()
    address = OrderException(
        number="EX2601056K2M8P",
        kind="address",
        subject=SubjectRef("order", str(order.id)),
        red=True,
        facts={"缺少": "市", "电话": "格式不对"},
        rule="exceptions.address",
        settings_version="5f0c1a2b",
        raised_at=sample_data.MOMENT,
        trace_id=sample_data.TRACE,
        label=order.key.platform_order_id,
        shop_code=sample_data.SHOP,
        revision=1,
    )
    effect = OrderException(
        number="EX2601057Q4N9R",
        kind="effect",
        subject=SubjectRef("outbox", "81"),
        red=True,
        facts={"操作": "refund.execute", "对象": "refund RF260105ABCDEF", "错误": "店铺拒绝：退款单不存在"},
        rule="exceptions.effect",
        settings_version="5f0c1a2b",
        raised_at=sample_data.MOMENT,
        trace_id=sample_data.TRACE,
        label="RF260105ABCDEF",
        owner="周全",
        owner_name="周全",
        revision=2,
    )
    viewer = sample_data.SERVICE
    return [
        Sample("exception-address", view(scene, address, viewer)),
        Sample("exception-reason", view(scene, address, viewer, "close")),
        Sample("exception-effect", view(scene, effect, sample_data.SUPERVISOR)),
    ]
