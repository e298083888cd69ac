"""The order card: state with its lamp, money, goods, receiver masked, parcel, newest story, next steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cards import sample_data
from cards.action import Action
from cards.model import Button, Card, Field, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from cards.sync import stale_note
from domain.chat import SubjectRef
from domain.lamp import Lamp, lamp
from domain.masks import mask_address, mask_name, mask_phone
from domain.order import Order
from domain.order_states import STATE_NAMES
from domain.permission import can_request_refund, can_see_order
from domain.ports import UnitOfWork
from domain.refund import Refund
from domain.refund_request import order_subject, refundable, totals

SUBJECT = "order"
TIMELINE_LINES = 3
LIGHTS = {"green": Light.GREEN, "yellow": Light.YELLOW, "red": Light.RED, "grey": Light.GREY}


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """None when there is no such order, or not for this viewer."""
    order = await uow.orders.get(int(subject.id))
    if order is None or not can_see_order(viewer.staff, order):
        return None
    refunds = await uow.refunds.of_order(order.id)
    note = params.get("note", "") or stale_note(scene, order, await uow.sync.shop(order.key.shop_code))
    return view(scene, order, refunds, viewer, note=note)


def view(scene: Scene, order: Order, refunds: Sequence[Refund], viewer: Viewer, note: str = "") -> Card:
    now = scene.clock.now()
    light = lamp(order, now, scene.policies)
    state = STATE_NAMES[order.state]
    shop = scene.shop_name(order.key.shop_code)
    age = f"数据 {day_time(order.seen_at or order.modified_at or order.created_at, now)}"
    return Card(
        kind="order",
        page=f"orders/{order.id}",
        subject=order_subject(order.id),
        title=f"{state} {order.paid if order.paid.minor else order.total}",
        summary=f"订单 {order.key.platform_order_id} {state}",
        light=LIGHTS[light.colour],
        subtitle=f"{shop} · {order.key.platform_order_id}",
        fields=_fields(order, refunds),
        lines=_lines(scene, order, light, note),
        buttons=_buttons(scene, order, refunds, viewer),
        footer=f"{age} · 编号 {viewer.short_trace}",
    )


def _fields(order: Order, refunds: Sequence[Refund]) -> tuple[Field, ...]:
    fields = [Field("商品", _goods(order)), Field("实付", _money(order, refunds))]
    if receiver := receiver_line(order):
        fields.append(Field("收货人", receiver))
    if address := _address(order):
        fields.append(Field("地址", address))
    if order.waybills:
        fields.append(Field("运单", " ".join(f"{w.carrier} {w.number}".strip() for w in order.waybills[:2])))
    remark = order.seller_remark or order.buyer_remark
    if remark:
        fields.append(Field("备注", remark[:60]))
    return tuple(fields)


def _goods(order: Order) -> str:
    if not order.items:
        return "—"
    first = order.items[0]
    more = f" 等{len(order.items)}种" if len(order.items) > 1 else ""
    return f"{first.title[:22]}×{first.quantity}{more}"


def _money(order: Order, refunds: Sequence[Refund]) -> str:
    known = totals(order, refunds)
    parts = [str(order.paid)]
    if known.refunded.minor:
        parts.append(f"已退 {known.refunded}")
    if known.pending.minor:
        parts.append(f"退款中 {known.pending}")
    return "，".join(parts)


def receiver_line(order: Order) -> str:
    """Name and phone, masked whatever the platform sent."""
    receiver = order.receiver
    name = receiver.name_mask or mask_name(receiver.name)
    phone = receiver.phone_mask or mask_phone(receiver.phone)
    return f"{name} {phone}".strip()


def _address(order: Order) -> str:
    receiver = order.receiver
    street = receiver.address_mask or mask_address(receiver.address)
    return f"{receiver.province}{receiver.city}{receiver.district}{street}"


def _lines(scene: Scene, order: Order, light: Lamp, note: str) -> tuple[str, ...]:
    now = scene.clock.now()
    lines = [note] if note else []
    if light.reason:
        lines.append(light.reason)
    applied = [r for r in order.refunds if r.process.value == "applied"]
    lines.extend(f"买家申请退款 {r.amount}：{r.reason}" for r in applied[:1])
    newest = sorted(order.timeline, key=lambda entry: entry.at, reverse=True)[:TIMELINE_LINES]
    lines.extend(f"{day_time(entry.at, now)} {entry.text}" for entry in newest)
    return tuple(lines)


def _buttons(scene: Scene, order: Order, refunds: Sequence[Refund], viewer: Viewer) -> tuple[Button, ...]:
    subject = order_subject(order.id)
    number = order.key.platform_order_id
    buttons = [
        Button("刷新", Action("order.refresh", subject).encode(), f"查单 {number}", Style.PRIMARY),
    ]
    shop = scene.shops.get(order.key.shop_code)
    policy = scene.policies.refund
    may_ask = (
        shop is not None
        and shop.refund != "none"
        and order.state in policy.refundable_states
        and refundable(order, refunds).minor > 0
    )
    if may_ask and can_request_refund(viewer.staff, order, policy):
        buttons.append(Button("申请退款", Action("order.refund", subject).encode(), f"退款 {number}"))
    for refund in [r for r in refunds if r.open][:2]:
        action = Action("refund.show", SubjectRef("refund", refund.number))
        buttons.append(Button(f"退款 {refund.amount}", action.encode(), f"退款单 {refund.number}"))
    if lamp(order, scene.clock.now(), scene.policies).colour == "red":
        room = Action("room.open", subject).encode()
        buttons.append(Button("开作战室", room, f"作战室 {number}", Style.DANGER))
    return tuple(buttons)


def samples(scene: Scene) -> list[Sample]:
    """Every kind of order card, for the gallery."""
    awaiting = sample_data.sample_refund()
    return [
        Sample("order-to-ship", view(scene, sample_data.sample_order(), (), sample_data.SERVICE)),
        Sample("order-late", view(scene, sample_data.late_order(), (), sample_data.SERVICE)),
        Sample("order-shipped", view(scene, sample_data.shipped_order(), (), sample_data.SERVICE)),
        Sample("order-refunding", view(scene, sample_data.sample_order(), (awaiting,), sample_data.FINANCE)),
    ]
