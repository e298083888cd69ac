"""The unified order (platforms.md §2): one sale in one shop, whatever platform it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.money import Money


class OrderState(StrEnum):
    """Common part of the state machine first, then the optional states of DESIGN.md §7."""

    UNPAID = "unpaid"
    PAID = "paid"
    TO_SHIP = "to_ship"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    ON_HOLD = "on_hold"
    PARTIALLY_SHIPPED = "partially_shipped"
    SPLIT = "split"
    PRODUCING = "producing"
    INSPECTED = "inspected"
    PRE_SHIPPED = "pre_shipped"
    UNKNOWN = "unknown"  # a state text nobody has mapped yet; the raw text is kept


class RefundProcess(StrEnum):
    """Where a refund stands as a matter of procedure (platforms.md §2.3)."""

    APPLIED = "applied"
    AGREED = "agreed"
    WAIT_BUYER_RETURN = "wait_buyer_return"
    WAIT_SELLER_RECEIVE = "wait_seller_receive"
    REFUNDING = "refunding"
    SUCCESS = "success"
    REFUSED = "refused"
    CLOSED = "closed"
    JUDGING = "judging"


class MoneyState(StrEnum):
    """Where the money of a refund is. Only SUCCESS books a refund."""

    NONE = "none"
    PENDING = "pending"
    UNKNOWN = "unknown"  # we asked for it and do not know the outcome: ask before anything else
    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True)
class OrderKey:
    """Identity of an order everywhere: `(shop_code, platform_order_id)`."""

    shop_code: str
    platform_order_id: str

    def __str__(self) -> str:
        return f"{self.shop_code}/{self.platform_order_id}"


@dataclass(frozen=True)
class Receiver:
    """Who gets the parcel. `name`/`phone`/`address` are clear text only between the edge and
    storage (which keeps them encrypted, with masks and search digests beside them)."""

    name: str = ""
    phone: str = ""
    address: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    town: str = ""
    name_mask: str = ""
    phone_mask: str = ""
    address_mask: str = ""
    oaid: str = ""  # platform cipher id (Taobao OAID and its kin)


@dataclass(frozen=True)
class Item:
    sub_id: str
    title: str
    sku_code: str
    quantity: int
    unit_price: Money
    paid: Money
    spec: str = ""
    platform_sku_id: str = ""


@dataclass(frozen=True)
class Waybill:
    carrier: str
    number: str
    shipped_at: datetime | None = None


@dataclass(frozen=True)
class ShopRefund:
    """A refund as the shop platform knows it."""

    platform_refund_id: str
    amount: Money
    process: RefundProcess
    money: MoneyState
    reason: str
    version: str
    phase: str = ""
    modified_at: datetime | None = None


@dataclass(frozen=True)
class TimelineEntry:
    """One line of an order's story: `at` UTC, `text` Chinese, `source` shop | desk | import | staff name."""

    at: datetime
    text: str
    source: str


@dataclass(frozen=True)
class Order:
    """`version` is the platform's (ms of last change; newer wins); `revision` is ours, for compare-and-set.

    `id` and `revision` are 0 until storage has given them.
    """

    key: OrderKey
    platform: str
    state: OrderState
    state_raw: str
    created_at: datetime
    total: Money
    paid: Money
    version: int
    id: int = 0
    revision: int = 0
    freight: Money = field(default_factory=lambda: Money(0))
    discount: Money = field(default_factory=lambda: Money(0))
    paid_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    completed_at: datetime | None = None
    modified_at: datetime | None = None
    ship_deadline_at: datetime | None = None
    buyer_id: str = ""
    buyer_remark: str = ""
    seller_remark: str = ""
    region: str = ""
    warehouse: str = ""
    receiver: Receiver = field(default_factory=Receiver)
    items: tuple[Item, ...] = ()
    waybills: tuple[Waybill, ...] = ()
    refunds: tuple[ShopRefund, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    raw: str = ""  # the platform's JSON, kept for reading fields nobody mapped yet
    seen_at: datetime | None = None  # when we last heard from the shop about it
