"""Believable things to store, each with what a test does not care about filled in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.audit import AuditEntry
from domain.chat import Account, Recipient, SentCard, SubjectRef
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
from storage.database import Database

DATA_KEY = bytes(range(32))
NOON = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
SHOP = "tmall-flagship"
SOMEBODY = Account("wecom", "main", "linxiaoman")

RECEIVER = Receiver(
    name="欧阳测试",
    phone="13900001234",
    address="文三路 90 号东部软件园 3 幢 501",
    province="浙江省",
    city="杭州市",
    district="西湖区",
    town="翠苑街道",
)


def make_order(number: str = "2026030100001", **changes: Any) -> Order:
    order = Order(
        key=OrderKey(SHOP, number),
        platform="taobao",
        state=OrderState.TO_SHIP,
        state_raw="WAIT_SELLER_SEND_GOODS",
        created_at=NOON,
        total=Money(12900),
        paid=Money(11900),
        discount=Money(1000),
        version=1,
        paid_at=NOON + timedelta(minutes=2, microseconds=345),
        buyer_id="AAF7buyer",
        buyer_remark="送货前打 13900001234",
        region="华东",
        warehouse="HZ1",
        receiver=RECEIVER,
        items=(
            Item(f"{number}-1", "羊毛围巾", "SCARF-01", 1, Money(9900), Money(8900), "灰色", "47001"),
            Item(f"{number}-2", "手套", "GLOVE-02", 2, Money(1500), Money(3000)),
        ),
        waybills=(Waybill("SF", f"SF{number}", NOON + timedelta(hours=5)),),
        timeline=(TimelineEntry(NOON, "买家付款", "shop"),),
        raw=f'{{"receiver_mobile": "13900001234", "tid": "{number}"}}',
    )
    return replace(order, **changes)


def masked(order: Order, **changes: Any) -> Order:
    """The same order as a platform gives it that hides its receiver."""
    receiver = replace(
        order.receiver,
        name="",
        phone="",
        address="",
        name_mask="欧**",
        phone_mask="139****1234",
        address_mask="文三路***",
    )
    return replace(order, receiver=receiver, **changes)


def shop_refund(number: str, **changes: Any) -> ShopRefund:
    refund = ShopRefund(
        number, Money(3000), RefundProcess.APPLIED, MoneyState.NONE, "尺码不合适", "1", "onsale", NOON
    )
    return replace(refund, **changes)


def make_refund(order: Order, number: str = "RF260301ABCDEF", **changes: Any) -> Refund:
    refund = Refund(
        number=number,
        order_id=order.id,
        order_key=order.key,
        amount=Money(3000),
        reason="破损",
        requester="林小满",
        requester_name="林小满",
        requested_at=NOON,
        process=RefundProcess.APPLIED,
        money=MoneyState.NONE,
        rule=RuleFired("refund.manual", "v1", {"金额": "¥30.00"}),
        trace_id="trace-refund",
        decisions=(ApprovalDecision("王主管", "王主管", "approve", "", NOON, "wecom:main"),),
    )
    return replace(refund, **changes)


def make_card(card_id: str, subject: SubjectRef, **changes: Any) -> SentCard:
    card = SentCard(
        card_id=card_id,
        recipient=Recipient(SOMEBODY, "cid01", "https://example.com/hook", NOON + timedelta(hours=1)),
        subject=subject,
        params={"page": "1"},
        state="live",
        handle={"codes": ["a", "b"], "sent": 3},
        shown="digest",
        trace_id="trace-card",
    )
    return replace(card, **changes)


def make_audit(trace_id: str = "trace-audit", **changes: Any) -> AuditEntry:
    entry = AuditEntry(
        NOON,
        "林小满",
        "wecom:main",
        "refund.requested",
        SubjectRef("refund", "RF1"),
        trace_id,
        {"amount": "¥30.00"},
    )
    return replace(entry, **changes)


async def stored(db: Database, order: Order) -> Order:
    """The order as it is read back after saving it."""
    uow = db.unit_of_work("trace-setup")
    uow.orders.save(order)
    await uow.commit()
    found = await uow.orders.by_key(order.key)
    assert found is not None
    return found
