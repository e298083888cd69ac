"""A million believable orders, always the same ones: the n-th order is a function of n."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from domain.clock import shanghai
from domain.masks import mask_address, mask_name, mask_phone
from domain.money import Money
from domain.order import Item, Order, OrderKey, OrderState, Receiver, TimelineEntry, Waybill

SHOPS = ("tmall-flagship", "taobao-outlet", "jd-store", "pdd-store")
_EPOCH = datetime(2025, 7, 1, tzinfo=UTC)
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余"
_GIVEN = (
    "伟芳娜敏静强磊军洋勇艳杰娟涛明超秀英华平刚桂兰玉萍红梅春燕丽云飞鹏宇浩晨梓涵欣怡雨佳俊博文志远思嘉诗琪"
)
_GOODS = (
    ("北欧布艺沙发套", "SOFA-GREY-3", 12900),
    ("加厚法兰绒毯子", "BLANKET-200", 8900),
    ("不锈钢保温杯", "CUP-500-BL", 5900),
    ("儿童护眼台灯", "LAMP-KID-1", 16900),
)
_STATES = (OrderState.TO_SHIP, OrderState.SHIPPED, OrderState.DELIVERED, OrderState.COMPLETED)


def _mix(n: int, salt: int) -> int:
    """A fixed scramble: neighbours in n get unlike numbers (splitmix64)."""
    z = (n * 0x9E3779B97F4A7C15 + salt * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return z ^ (z >> 31)


def number(n: int) -> str:
    return str(4_100_000_000_000_000_000 + n * 7_919)


def sub_number(n: int) -> str:
    """What `import` calls the first item of a row."""
    return f"{number(n)}-1"


def waybill(n: int) -> str:
    return f"SF{10**12 + _mix(n, 1) % (9 * 10**12)}"


def phone(n: int) -> str:
    return f"1{3 + _mix(n, 2) % 7}{_mix(n, 3) % 10**9:09d}"


def name(n: int) -> str:
    """40 surnames and 1 or 2 of 50 characters: about a hundred thousand names, as real lists repeat them."""
    z = _mix(n, 4)
    first = _GIVEN[z // 64 % len(_GIVEN)]
    second = _GIVEN[z // 8192 % len(_GIVEN)] if z % 5 else ""
    return _SURNAMES[z % len(_SURNAMES)] + first + second


def created(n: int) -> datetime:
    """Half a year, about four a minute at a million."""
    return _EPOCH + timedelta(seconds=n * 15 + _mix(n, 5) % 15)


def order(n: int) -> Order:
    state, at = _STATES[_mix(n, 6) % len(_STATES)], created(n)
    title, sku, price = _GOODS[_mix(n, 7) % len(_GOODS)]
    paid, shipped = Money(price), at + timedelta(hours=20)
    sent = state is not OrderState.TO_SHIP
    return Order(
        key=OrderKey(SHOPS[n % len(SHOPS)], number(n)),
        platform="taobao",
        state=state,
        state_raw=state.value,
        created_at=at,
        total=paid,
        paid=paid,
        version=int(at.timestamp() * 1000),
        paid_at=at + timedelta(minutes=1),
        shipped_at=shipped if sent else None,
        modified_at=shipped if sent else at,
        buyer_id=f"buyer-{_mix(n, 8) % 300_000}",
        region="华东",
        warehouse="HZ1",
        receiver=_receiver(n),
        items=(Item(sub_number(n), title, sku, 1, paid, paid),),
        waybills=(Waybill("顺丰速运", waybill(n), shipped),) if sent else (),
        timeline=(TimelineEntry(at, "买家付款", "shop"),),
    )


def _receiver(n: int) -> Receiver:
    who, number_, place = name(n), phone(n), f"测试路{_mix(n, 9) % 2000}号{n % 30}幢"
    return Receiver(
        name=who,
        phone=number_,
        address=place,
        province="浙江省",
        city="杭州市",
        district="西湖区",
        name_mask=mask_name(who),
        phone_mask=mask_phone(number_),
        address_mask=mask_address(place),
    )


def write_csv(path: Path, count: int) -> Path:
    """The same orders as a file for `import`, with the columns it reads without a map."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(_row(order(0))))
        writer.writeheader()
        writer.writerows(_rows(count))
    return path


def _rows(count: int) -> Iterator[dict[str, str]]:
    return (_row(order(n)) for n in range(count))


def _row(found: Order) -> dict[str, str]:
    receiver, item = found.receiver, found.items[0]
    parcel = found.waybills[0] if found.waybills else None
    return {
        "platform_order_id": found.key.platform_order_id,
        "state": found.state.value,
        "created_at": _local(found.created_at),
        "paid_at": _local(found.paid_at),
        "shipped_at": _local(found.shipped_at),
        "buyer_id": found.buyer_id,
        "receiver_name": receiver.name,
        "receiver_phone": receiver.phone,
        "province": receiver.province,
        "city": receiver.city,
        "district": receiver.district,
        "address": receiver.address,
        "total": found.total.plain(),
        "paid": found.paid.plain(),
        "carrier": parcel.carrier if parcel else "",
        "waybill_no": parcel.number if parcel else "",
        "items": f"{item.sku_code}:{item.quantity}:{item.unit_price.plain()}",
    }


def _local(moment: datetime | None) -> str:
    return f"{shanghai(moment):%Y-%m-%d %H:%M:%S}" if moment else ""
