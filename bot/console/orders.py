"""An order as a page, for notices whose card cannot hold it: its facts, masked as the reader's role may see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from bot.console.facts import receiver_facts
from bot.console.page import Part, answer, reader, refused
from bot.receive import new_trace
from bot.room_report import moment
from domain.masks import mask_phones_in
from domain.order import Order
from domain.order_states import STATE_NAMES
from domain.permission import can_see_order
from domain.refund import Refund
from domain.refund_request import totals
from domain.staff import Staff

if TYPE_CHECKING:
    from bot.compose import Desk

MOST_DIGITS = 18  # of an order's own id
SOURCES = {"shop": "店铺", "desk": "前哨", "import": "导入"}


def routes(desk: Desk) -> Iterable[web.RouteDef]:
    async def order_page(request: web.Request) -> web.Response:
        who = reader(desk, request)
        if who is None or who.staff is None:
            return refused()
        uow = desk.db.unit_of_work(new_trace())
        number = request.match_info["id"]
        order = await uow.orders.get(int(number)) if len(number) <= MOST_DIGITS else None
        if order is None or not can_see_order(who.staff, order):
            return refused()
        return _page(desk, order, await uow.refunds.of_order(order.id), who.staff)

    return [web.get(r"/console/orders/{id:[0-9]+}", order_page)]


def _page(desk: Desk, order: Order, refunds: Sequence[Refund], staff: Staff) -> web.Response:
    shop = desk.scene.shop_name(order.key.shop_code)
    goods = [
        (item.title, item.spec or item.sku_code, str(item.quantity), str(item.unit_price), str(item.paid))
        for item in order.items
    ]
    story = sorted(order.timeline, key=lambda entry: entry.at)
    parts = [
        Part("概况", facts=[row for row in _facts(order, refunds, staff) if row[1]]),
        Part("商品", heads=("商品", "规格", "数量", "单价", "实付"), rows=goods, empty="没有商品明细"),
        Part(
            "经过",
            heads=("时间", "经过", "谁"),
            rows=[
                (moment(one.at), mask_phones_in(one.text), SOURCES.get(one.source, one.source))
                for one in story
            ],
        ),
    ]
    seen = moment(order.seen_at or order.modified_at or order.created_at)
    title = f"订单 {order.key.platform_order_id}"
    return answer(title, parts, subtitle=f"{shop} · {STATE_NAMES[order.state]}", footer=f"{seen} 的状态")


def _facts(order: Order, refunds: Sequence[Refund], staff: Staff) -> list[tuple[str, str]]:
    known = totals(order, refunds)
    return [
        ("状态", STATE_NAMES[order.state]),
        ("实付", str(order.paid)),
        ("已退", str(known.refunded) if known.refunded.minor else ""),
        ("退款中", str(known.pending) if known.pending.minor else ""),
        ("下单", moment(order.created_at)),
        ("付款", moment(order.paid_at)),
        ("发货", moment(order.shipped_at)),
        ("运单", "、".join(f"{parcel.carrier} {parcel.number}".strip() for parcel in order.waybills)),
        *receiver_facts(order, staff),
        ("买家备注", mask_phones_in(order.buyer_remark)),
        ("卖家备注", mask_phones_in(order.seller_remark)),
    ]
