"""The alert card: what runs late, by how much, whose it is, and what to do. Turns from yellow to red in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from cards import sample_data
from cards.action import Action
from cards.model import Button, Card, Field, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from domain.alert import Alert, AlertState, Told, alert_subject, can_see_alert
from domain.alert_life import people_for
from domain.alert_rules import Level, words_for
from domain.alert_tell import Surroundings
from domain.chat import SubjectRef
from domain.order import Order
from domain.order_states import STATE_NAMES
from domain.ports import UnitOfWork
from domain.refund_request import order_subject
from domain.staff import ROLE_NAMES, Role, Staff

SUBJECT = "alert"
LINES = 3
MOST_FACTS = 4
MINUTE = timedelta(minutes=1)
LIGHTS = {Level.YELLOW: Light.YELLOW, Level.RED: Light.RED}


def surroundings(scene: Scene) -> Surroundings:
    """What the alert rules may ask of this scene, at this moment."""
    return Surroundings(scene.clock.now(), scene.policies, scene.directory, scene.audience, scene.people_of)


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """None when there is no such alert, or not for this viewer; and when it is to be sent (`new`) but has been
    silenced or is over by now: silence is checked at the moment of sending."""
    alert = await uow.alerts.get(subject.id)
    if alert is None or not can_see_alert(viewer.staff, alert):
        return None
    if params.get("new") and (not alert.open or alert.snoozed(scene.clock.now())):
        return None
    order = await uow.orders.get(alert.order_id) if alert.order_id else None
    return view(scene, alert, order, viewer, step=params.get("step", ""))


def view(scene: Scene, alert: Alert, order: Order | None, viewer: Viewer, step: str = "") -> Card:
    """`step` is what this one card is asking: "" | hand | close."""
    head = headline(scene, alert)
    return Card(
        # A card that has turned is worth the last means a door has of changing it (`Card.urgent`).
        kind="alert.turned" if _turned(alert) else "alert",
        page=f"orders/{alert.order_id}" if alert.order_id else "",
        subject=alert_subject(alert.number),
        title=head,
        summary=f"{alert.number} {alert.label} {head}",
        light=light(alert),
        subtitle=f"{scene.shop_name(alert.shop_code)} · {alert.number}",
        fields=_fields(scene, alert, order),
        lines=_lines(scene, alert, step),
        buttons=_buttons(scene, alert, viewer, step) if alert.open else (),
        menu=_menu(alert),
        final=final_word(scene, alert),
        footer=f"编号 {viewer.short_trace}",
    )


def light(alert: Alert) -> Light:
    if alert.open:
        return LIGHTS[alert.level]
    return Light.GREEN if alert.state is AlertState.RESOLVED else Light.GREY


def _turned(alert: Alert) -> bool:
    return alert.open and alert.level is Level.RED and alert.turned_at != alert.raised_at


def headline(scene: Scene, alert: Alert) -> str:
    """`待发货 已超时 3 小时`, `待发货 还剩 11 小时`, `待发货 已解除`."""
    now = scene.clock.now()
    if not alert.open:
        return f"{alert.title} {'已解除' if alert.state is AlertState.RESOLVED else '已关闭'}"
    if alert.subject.type == "shop":
        return f"{alert.title} {alert.facts.get('现状', '')}".strip()
    if now >= alert.red_at:
        late = now - alert.red_at
        return f"{alert.title} 已超时 {words_for(late) if late >= MINUTE else ''}".strip()
    return f"{alert.title} 还剩 {words_for(alert.red_at - now)}"


def final_word(scene: Scene, alert: Alert) -> str:
    """What stands in place of the buttons once it is over."""
    if alert.open:
        return ""
    if alert.state is AlertState.RESOLVED:
        return f"已解除 · {alert.reason}"
    return f"已关闭 · {name_of(scene, alert.ended_by)}：{alert.reason}"[:40]


def name_of(scene: Scene, staff_id: str) -> str:
    person = scene.directory.by_id(staff_id)
    return person.name if person else staff_id


def _fields(scene: Scene, alert: Alert, order: Order | None) -> tuple[Field, ...]:
    now = scene.clock.now()
    owner = name_of(scene, alert.owner) if alert.owner else f"待认领（{ROLE_NAMES[alert.owner_role]}）"
    if alert.subject.type == "shop":
        facts = [Field(label[:5], value[:30]) for label, value in list(alert.facts.items())[:MOST_FACTS]]
        return (Field("店铺", alert.label[:30]), *facts, Field("负责人", owner))
    fields = [Field("订单", alert.label[:30])]
    if order is not None:
        fields.append(Field("商品", _goods(order)))
        fields.append(Field("状态", STATE_NAMES[order.state]))
    fields += [
        Field("金额", str(alert.amount)),
        Field("时限", day_time(alert.red_at, now)),
        Field("负责人", owner),
    ]
    return tuple(fields)


def _goods(order: Order) -> str:
    if not order.items:
        return "—"
    first = order.items[0]
    more = f" 等{len(order.items)}种" if len(order.items) > 1 else ""
    return f"{first.title[:20]}×{first.quantity}{more}"


def _lines(scene: Scene, alert: Alert, step: str) -> tuple[str, ...]:
    now = scene.clock.now()
    if alert.open and step == "hand":
        return ("转派给谁？也可以发：", f"转派 @姓名 {alert.number}")
    if alert.open and step == "close":
        return ("为什么关闭？其他原因请发：", f"关闭预警 {alert.number} 原因")
    lines = [f"静默到 {day_time(alert.snoozed_until, now)}，到时再提醒"] if alert.snoozed(now) else []
    if alert.open and alert.escalated_at is not None:
        lines.append(f"已升级（{day_time(alert.escalated_at, now)}）")
    told = alert.story[-LINES:] if alert.open else alert.story[-LINES:-1]
    lines.extend(f"{day_time(line.at, now)} {line.text}" for line in told)
    return tuple(lines)


def _buttons(scene: Scene, alert: Alert, viewer: Viewer, step: str) -> tuple[Button, ...]:
    number = alert.number
    back = _button("返回", "alert.back", alert, f"预警 {number}")
    if step == "hand":
        people = people_for(alert, _everybody(scene), viewer.staff)[:5]
        picks = (
            _button(
                person.name[:10],
                "alert.hand",
                alert,
                f"转派 @{person.name} {number}",
                Style.NORMAL,
                person.id,
            )
            for person in people
        )
        return (*picks, back)
    if step == "close":
        reasons = scene.policies.sla.close_reasons[:5]
        picks = (
            _button(text[:10], "alert.close", alert, f"关闭预警 {number} {text}", Style.DANGER, str(n))
            for n, text in enumerate(reasons)
        )
        return (*picks, back)
    span = words_for(scene.policies.sla.snooze).replace(" ", "")
    buttons = []
    if not alert.owner:
        buttons.append(_button("认领", "alert.take", alert, f"认领 {number}", Style.PRIMARY))
    if not alert.snoozed(scene.clock.now()):
        buttons.append(_button(f"静默{span}", "alert.snooze", alert, f"静默 {span} {number}"))
    buttons.append(_button("转派", "alert.hand", alert, f"转派 @姓名 {number}"))
    buttons.append(_button("关闭", "alert.close", alert, f"关闭预警 {number} 原因"))
    if alert.level is Level.RED:
        buttons.append(_button("开作战室", "room.open", alert, f"作战室 {number}", Style.DANGER))
    return tuple(buttons)


def _everybody(scene: Scene) -> tuple[Staff, ...]:
    return scene.directory.with_roles(frozenset(Role))


def _menu(alert: Alert) -> tuple[Button, ...]:
    why = _button("为什么", "alert.why", alert, f"为什么 {alert.number}")
    if not alert.order_id:
        return (why,)
    opens = Action("order.open", order_subject(alert.order_id)).encode()
    return (why, Button("看订单", opens, f"查单 {alert.label}"))


def _button(
    text: str, verb: str, alert: Alert, command: str, style: Style = Style.NORMAL, *args: str
) -> Button:
    action = Action(verb, alert_subject(alert.number), alert.turn, args)
    return Button(text, action.encode(), command, style)


def sample_alert(**changes: object) -> Alert:
    """A yellow alert about the gallery's order."""
    order, moment = sample_data.sample_order(), sample_data.MOMENT
    assert order.paid_at is not None
    alert = Alert(
        number="AL260105K7M2QX",
        subject=order_subject(order.id),
        rule="ship",
        title="待发货",
        level=Level.YELLOW,
        start=order.paid_at,
        red_at=moment + timedelta(hours=11, minutes=30),
        raised_at=moment - timedelta(minutes=4),
        settings_version="a1b2c3d4",
        facts={"订单状态": "待发货"},
        trace_id=sample_data.TRACE,
        label=order.key.platform_order_id,
        shop_code=sample_data.SHOP,
        region="华东",
        warehouse="HZ1",
        amount=order.paid,
        chat="warehouse",
        owner_role=Role.WAREHOUSE,
        shown="yellow",
        story=(Told(moment - timedelta(minutes=4), "亮黄灯"),),
    )
    return replace(alert, **changes)  # type: ignore[arg-type]  # samples name the fields they change


def red_alert(**changes: object) -> Alert:
    moment = sample_data.MOMENT
    turned = moment - timedelta(hours=3)
    story = (Told(turned - timedelta(hours=12), "亮黄灯"), Told(turned, "转红灯"))
    red = sample_alert(level=Level.RED, red_at=turned, turned_at=turned, shown="red", story=story)
    return replace(red, **changes)  # type: ignore[arg-type]  # samples name the fields they change


def samples(scene: Scene) -> list[Sample]:
    """Every state and step, for the gallery."""
    order, moment = sample_data.sample_order(), sample_data.MOMENT
    taken = (*red_alert().story, Told(moment - timedelta(minutes=9), "林小满认领"))
    silent = (*taken[1:], Told(moment - timedelta(minutes=1), "林小满静默 2 小时（到 01-05 11:59）"))
    owned = {"owner": "林小满", "acknowledged_at": moment - timedelta(minutes=9), "turn": 1}
    over = {"ended_at": moment, "turn": 2}
    shop = sample_alert(
        subject=SubjectRef("shop", sample_data.SHOP),
        rule="inflow",
        title="订单停流",
        label="天猫旗舰店",
        level=Level.RED,
        owner_role=Role.SUPERVISOR,
        facts={"现状": "2 小时没有新单", "最近新单": "01-05 07 点", "平时": "近 7 天有 7 天这时有单"},
    )
    shown = {
        "alert-yellow": (sample_alert(), ""),
        "alert-red": (red_alert(), ""),
        "alert-taken": (red_alert(**owned, escalated_at=moment, story=taken), ""),
        "alert-silent": (
            red_alert(**owned, snoozed_until=moment + timedelta(hours=2), story=silent),
            "",
        ),
        "alert-close": (red_alert(), "close"),
        "alert-over": (red_alert(**over, state=AlertState.RESOLVED, reason="订单已发货"), ""),
        "alert-closed": (
            red_alert(**over, state=AlertState.CLOSED, reason="买家同意延期", ended_by="林小满"),
            "",
        ),
    }
    viewer = sample_data.SERVICE
    drawn = [Sample(name, view(scene, alert, order, viewer, step)) for name, (alert, step) in shown.items()]
    return [*drawn, Sample("alert-shop", view(scene, shop, None, viewer))]
