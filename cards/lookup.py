"""The list to choose from when a look-up finds several orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cards import sample_data
from cards.action import Action
from cards.model import Button, Card
from cards.order import LIGHTS, receiver_line
from cards.sample_data import Sample
from cards.scene import Scene, Viewer
from domain.chat import SubjectRef
from domain.clock import shanghai
from domain.lamp import lamp
from domain.order import Order, OrderKey
from domain.order_states import STATE_NAMES
from domain.permission import can_see_order
from domain.ports import UnitOfWork
from domain.refund_request import order_subject

SUBJECT = "lookup"
MAX_LISTED = 5


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """`params["orders"]` holds the ids found, comma separated; `params["query"]` what was asked."""
    orders: list[Order] = []
    for order_id in params.get("orders", "").split(","):
        order = await uow.orders.get(int(order_id)) if order_id.isdigit() else None
        if order is not None and can_see_order(viewer.staff, order):
            orders.append(order)
    return view(scene, subject, orders, params.get("query", ""), viewer)


def view(scene: Scene, subject: SubjectRef, orders: Sequence[Order], query: str, viewer: Viewer) -> Card:
    listed = orders[:MAX_LISTED]
    more = f"还有 {len(orders) - len(listed)} 张，请再加一个条件查"
    return Card(
        kind="lookup",
        subject=subject,
        title=f"找到 {len(orders)} 张订单",
        summary=f"“{query}”找到 {len(orders)} 张订单",
        subtitle=query,
        lines=(
            *(_line(scene, n, o) for n, o in enumerate(listed, 1)),
            *([more] if len(orders) > len(listed) else []),
        ),
        buttons=tuple(_button(n, order) for n, order in enumerate(listed, 1)),
        footer=f"编号 {viewer.short_trace}",
    )


def _line(scene: Scene, number: int, order: Order) -> str:
    now = scene.clock.now()
    light = LIGHTS[lamp(order, now, scene.policies).colour].value
    who = receiver_line(order).split(" ")[0]
    return (
        f"{number}. {light}{STATE_NAMES[order.state]} {order.paid} {who} {shanghai(order.created_at):%m-%d}"
    )


def _button(number: int, order: Order) -> Button:
    action = Action("order.open", order_subject(order.id))
    tail = order.key.platform_order_id[-6:]
    return Button(f"{number}. …{tail}", action.encode(), f"查单 {order.key.platform_order_id}")


def samples(scene: Scene) -> list[Sample]:
    """A short list, and one that is cut."""
    kinds = (sample_data.sample_order(), sample_data.late_order(), sample_data.shipped_order())
    nine = [
        replace(kinds[n % 3], id=n + 1, key=OrderKey(sample_data.SHOP, f"41234567890123456{n:02d}"))
        for n in range(9)
    ]
    subject = SubjectRef(SUBJECT, sample_data.TRACE)
    return [
        Sample("lookup-three", view(scene, subject, nine[:3], "李小明", sample_data.SERVICE)),
        Sample("lookup-many", view(scene, subject, nine, "尾号8000", sample_data.SERVICE)),
    ]
