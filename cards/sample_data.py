"""Made-up subjects that the gallery and the snapshots draw: the same ones every time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cards.model import Card
from cards.scene import Viewer
from domain.chat import Account
from domain.money import Money
from domain.order import (
    Item,
    MoneyState,
    Order,
    OrderKey,
    OrderState,
    Receiver,
    RefundProcess,
    ShopRefund,
    TimelineEntry,
    Waybill,
)
from domain.refund import ApprovalDecision, Refund, RuleFired
from domain.staff import Role, Staff

MOMENT = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
TRACE = "3fa92c1b00c0ffee"
SHOP = "tmall-flagship"


@dataclass(frozen=True)
class Sample:
    """One card the product can send. `name` is unique and says which state it shows."""

    name: str
    card: Card


def _person(name: str, role: Role, user: str) -> Viewer:
    account = Account("wecom", "main", user)
    return Viewer(Staff(name, name, frozenset({role}), accounts=(account,)), TRACE)


SERVICE = _person("林小满", Role.SERVICE, "linxiaoman")
FINANCE = _person("钱进", Role.FINANCE, "qianjin")
SUPERVISOR = _person("周全", Role.SUPERVISOR, "zhouquan")
ADMIN = _person("吴维", Role.ADMIN, "wuwei")


def sample_order() -> Order:
    """A paid order waiting for shipment, placed eight hours before MOMENT."""
    placed = MOMENT - timedelta(hours=8)
    number = "4123456789012345601"
    return Order(
        key=OrderKey(SHOP, number),
        platform="taobao",
        state=OrderState.TO_SHIP,
        state_raw="WAIT_SELLER_SEND_GOODS",
        created_at=placed,
        paid_at=placed + timedelta(minutes=1),
        modified_at=placed + timedelta(minutes=1),
        seen_at=MOMENT - timedelta(minutes=3),
        total=Money(15900),
        paid=Money(12900),
        version=1,
        id=1,
        revision=1,
        buyer_id="AAH-sample",
        region="华东",
        warehouse="HZ1",
        receiver=Receiver(
            province="浙江省",
            city="杭州市",
            district="西湖区",
            name_mask="李**",
            phone_mask="138****8000",
            address_mask="测试路***",
        ),
        items=(Item("1", "北欧布艺沙发套", "SOFA-GREY-3", 1, Money(15900), Money(12900)),),
        timeline=(
            TimelineEntry(placed, "下单", "shop"),
            TimelineEntry(placed + timedelta(minutes=1), "付款", "shop"),
        ),
    )


def late_order() -> Order:
    """Past its shipping limit, with a remark as long as remarks get."""
    placed = MOMENT - timedelta(hours=60)
    remark = (
        "买家要求工作日送货，送货前一定打电话；楼下保安不代收，放门口要拍照，电梯坏了走楼梯上六楼，辛苦了谢谢"
    )
    items = (
        Item(
            "1",
            "加厚遮光窗帘成品定制北欧风卧室客厅阳台飘窗（含挂钩）",
            "CUR-1",
            2,
            Money(29900),
            Money(59800),
        ),
        Item("2", "窗帘绑带", "CUR-2", 2, Money(1000), Money(2000)),
    )
    return replace(
        sample_order(),
        created_at=placed,
        paid_at=placed,
        paid=Money(61800),
        seller_remark=remark,
        items=items,
    )


def shipped_order() -> Order:
    order = sample_order()
    applied = ShopRefund(
        "180012345678901", Money(12900), RefundProcess.APPLIED, MoneyState.NONE, "拍错/多拍/不想要", "1"
    )
    shipped = TimelineEntry(MOMENT - timedelta(hours=2), "发货 顺丰 SF1234567890123", "shop")
    return replace(
        order,
        state=OrderState.SHIPPED,
        shipped_at=shipped.at,
        waybills=(Waybill("顺丰", "SF1234567890123", shipped.at),),
        refunds=(applied,),
        timeline=(*order.timeline, shipped),
    )


def sample_refund() -> Refund:
    """A request of ¥128.00 that waits for approval."""
    facts = {"金额": "¥128.00，免审上限 ¥50.00", "买家": "90 天内退款 0 次，免审最多 0 次"}
    return Refund(
        number="RF260105K7M2QX",
        order_id=1,
        order_key=OrderKey(SHOP, "4123456789012345601"),
        amount=Money(12800),
        reason="破损",
        requester="林小满",
        requester_name="林小满",
        requested_at=MOMENT - timedelta(minutes=4),
        process=RefundProcess.APPLIED,
        money=MoneyState.NONE,
        rule=RuleFired("refund.manual", "a1b2c3d4", facts),
        trace_id=TRACE,
        revision=1,
    )


def decided_refund(verdict: str, process: RefundProcess, money: MoneyState, **changes: object) -> Refund:
    decision = ApprovalDecision(
        "钱进", "钱进", verdict, "凭证不足" if verdict == "reject" else "", MOMENT, "wecom:main"
    )
    refund = replace(sample_refund(), process=process, money=money, decisions=(decision,), revision=2)
    return replace(refund, **changes)  # type: ignore[arg-type]  # samples name the fields they change
