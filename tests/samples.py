"""Made-up people, orders and refunds that many tests start from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cards.scene import Scene, ShopInfo
from domain.chat import Account
from domain.clock import ManualClock
from domain.money import Money
from domain.order import (
    Item,
    MoneyState,
    Order,
    OrderKey,
    OrderState,
    Receiver,
    RefundProcess,
    TimelineEntry,
    Waybill,
)
from domain.policy import Policies
from domain.refund import Refund, RuleFired
from domain.staff import Role, Staff

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
ORDER_NO = "4123456789012345601"


def person(name: str, *roles: Role, wecom: str = "", dingtalk: str = "", **scope: frozenset[str]) -> Staff:
    accounts = [Account("wecom", "main", wecom)] if wecom else []
    accounts += [Account("dingtalk", "main", dingtalk)] if dingtalk else []
    return Staff(name, name, frozenset(roles), accounts=tuple(accounts), **scope)


SERVICE = person("林小满", Role.SERVICE, wecom="linxiaoman", dingtalk="0101", regions=frozenset({"华东"}))
WAREHOUSE = person("赵仓", Role.WAREHOUSE, wecom="zhaocang", dingtalk="0102", warehouses=frozenset({"HZ1"}))
FINANCE = person("钱进", Role.FINANCE, wecom="qianjin", dingtalk="0103")
FINANCE_2 = person("孙账", Role.FINANCE, wecom="sunzhang", dingtalk="0105")
SUPERVISOR = person("周全", Role.SUPERVISOR, wecom="zhouquan", dingtalk="0104")
ADMIN = person("吴维", Role.ADMIN, wecom="wuwei", dingtalk="0106")


class People:
    """A StaffDirectory over a fixed list."""

    def __init__(self, *people: Staff) -> None:
        self.people = people or (SERVICE, WAREHOUSE, FINANCE, FINANCE_2, SUPERVISOR, ADMIN)

    def by_account(self, account: Account) -> Staff | None:
        return next((p for p in self.people if account in p.accounts), None)

    def by_id(self, staff_id: str) -> Staff | None:
        return next((p for p in self.people if p.id == staff_id), None)

    def with_roles(self, roles: frozenset[Role]) -> tuple[Staff, ...]:
        return tuple(p for p in self.people if p.has(*roles))


SHOP = ShopInfo("tmall-flagship", "天猫旗舰店", "taobao", "华东", "HZ1", refund="agree", connected=True)


def scene(
    clock: ManualClock | None = None,
    policies: Policies | None = None,
    shops: Mapping[str, ShopInfo] | None = None,
) -> Scene:
    return Scene(clock or ManualClock(NOW), policies or Policies(), People(), shops or {SHOP.code: SHOP})


def order(number: str = ORDER_NO, **changes: object) -> Order:
    """A paid order of ¥129.00 waiting for shipment, placed twelve hours ago."""
    facts: dict[str, object] = {
        "key": OrderKey("tmall-flagship", number),
        "platform": "taobao",
        "state": OrderState.TO_SHIP,
        "state_raw": "WAIT_SELLER_SEND_GOODS",
        "created_at": NOW - timedelta(hours=12),
        "paid_at": NOW - timedelta(hours=12),
        "total": Money(12900),
        "paid": Money(12900),
        "version": 1,
        "buyer_id": "buyer-1",
        "region": "华东",
        "warehouse": "HZ1",
        "receiver": Receiver(
            name="李小明", phone="13800138000", address="测试路1号2幢", province="浙江省", city="杭州市"
        ),
        "items": (Item(f"{number}-1", "北欧布艺沙发套", "SOFA-GREY-3", 1, Money(12900), Money(12900)),),
        "timeline": (TimelineEntry(NOW - timedelta(hours=12), "买家付款", "shop"),),
    }
    return Order(**{**facts, **changes})  # type: ignore[arg-type]  # a test names the fields it changes


def shipped(number: str = ORDER_NO, waybill: str = "SF1234567890123", **changes: object) -> Order:
    return order(number, state=OrderState.SHIPPED, waybills=(Waybill("顺丰", waybill),), **changes)


def refund(number: str = "RF260105ABCDEF", **changes: object) -> Refund:
    """A request of ¥100.00 by 林小满 that waits for approval."""
    facts: dict[str, object] = {
        "number": number,
        "order_id": 1,
        "order_key": OrderKey("tmall-flagship", ORDER_NO),
        "amount": Money(10000),
        "reason": "破损",
        "requester": SERVICE.id,
        "requester_name": SERVICE.name,
        "requested_at": NOW,
        "process": RefundProcess.APPLIED,
        "money": MoneyState.NONE,
        "rule": RuleFired("refund.manual", "default", {"金额": "¥100.00，免审上限 ¥50.00"}),
        "trace_id": "3fa92c1b00000000",
        "revision": 1,
    }
    return Refund(**{**facts, **changes})  # type: ignore[arg-type]  # a test names the fields it changes
