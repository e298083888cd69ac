"""Orders as the simulated platform keeps them: minor units, milliseconds since 1970, ids as digits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MONEY_IN = ("SALE", "CAPTURE")
FINANCIAL_TEXTS = {
    "PENDING": "待付款",
    "AUTHORIZED": "已授权",
    "PARTIALLY_PAID": "部分付款",
    "PAID": "已付款",
    "PARTIALLY_REFUNDED": "部分退款",
    "REFUNDED": "已退款",
    "VOIDED": "已作废",
}
FULFILLMENT_TEXTS = {
    "UNFULFILLED": "未发货",
    "PARTIALLY_FULFILLED": "部分发货",
    "FULFILLED": "已发货",
    "ON_HOLD": "暂缓发货",
}


@dataclass(frozen=True)
class Shop:
    """`zone` is what REST writes times in; `currency` what the shop reckons in."""

    code: str
    name: str
    domain: str
    currency: str
    zone: str


@dataclass
class Address:
    name: str
    phone: str
    address1: str
    city: str
    province: str
    country: str
    country_code: str
    zip: str
    address2: str = ""


@dataclass
class Line:
    """`discount` is taken off the whole line; `fulfilled` pieces have left."""

    id: str
    variant_id: str
    product_id: str
    sku: str
    title: str
    variant_title: str
    quantity: int
    price: int
    discount: int = 0
    fulfilled: int = 0

    @property
    def total(self) -> int:
        return self.quantity * self.price - self.discount


@dataclass
class Payment:
    """A transaction: AUTHORIZATION | SALE | CAPTURE | REFUND; `parent` is the payment a refund goes back to."""

    id: str
    kind: str
    status: str
    amount: int
    gateway: str
    at: int
    parent: str = ""


@dataclass
class Parcel:
    """A fulfilment. `lines` maps line ids to pieces."""

    id: str
    created: int
    company: str
    number: str
    lines: dict[str, int]
    delivered: int = 0


@dataclass
class Refund:
    """`payments` are ids of the order's REFUND transactions."""

    id: str
    created: int
    note: str
    payments: list[str]


@dataclass
class Order:
    """`updated` grows by at least one millisecond with every change, even when the clock stands still."""

    id: str
    shop: str
    number: int
    currency: str
    customer_id: str
    address: Address
    lines: list[Line]
    created: int
    updated: int
    shipping: int = 0
    tax: int = 0
    note: str = ""
    presentment: str = ""
    closed: int = 0
    cancelled: int = 0
    cancel_reason: str = ""
    on_hold: bool = False
    payments: list[Payment] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"#{self.number}"

    @property
    def subtotal(self) -> int:
        return sum(line.total for line in self.lines)

    @property
    def discount(self) -> int:
        return sum(line.discount for line in self.lines)

    @property
    def total(self) -> int:
        return self.subtotal + self.shipping + self.tax

    @property
    def received(self) -> int:
        return sum(p.amount for p in self.payments if p.kind in MONEY_IN and p.status == "SUCCESS")

    @property
    def refunded(self) -> int:
        return sum(p.amount for p in self.payments if p.kind == "REFUND" and p.status == "SUCCESS")

    @property
    def going_back(self) -> int:
        """Refunded or on its way."""
        states = ("SUCCESS", "PENDING")
        return sum(p.amount for p in self.payments if p.kind == "REFUND" and p.status in states)

    def payment(self, payment_id: str) -> Payment | None:
        return next((p for p in self.payments if p.id == payment_id), None)

    @property
    def financial(self) -> str:
        if self.refunded:
            return "REFUNDED" if self.refunded >= self.received else "PARTIALLY_REFUNDED"
        if self.received >= self.total:
            return "PAID"
        if self.received:
            return "PARTIALLY_PAID"
        if self.cancelled:
            return "VOIDED"
        return "AUTHORIZED" if any(p.kind == "AUTHORIZATION" for p in self.payments) else "PENDING"

    @property
    def fulfillment(self) -> str:
        if all(line.fulfilled >= line.quantity for line in self.lines):
            return "FULFILLED"
        if any(line.fulfilled for line in self.lines):
            return "PARTIALLY_FULFILLED"
        return "ON_HOLD" if self.on_hold else "UNFULFILLED"

    @property
    def status(self) -> str:
        """Both of the platform's texts in one, with `/CANCELLED` or `/CLOSED` behind."""
        end = "/CANCELLED" if self.cancelled else "/CLOSED" if self.closed else ""
        return f"{self.financial}/{self.fulfillment}{end}"


@dataclass
class App:
    client_id: str
    client_secret: str


@dataclass
class Grant:
    """One shop's permission for one app: the access token and what it may do."""

    token: str
    client_id: str
    shop: str
    scopes: list[str]


@dataclass
class Subscription:
    """Where pushes of one topic go. `topic` as in the header: `orders/create`."""

    id: str
    client_id: str
    shop: str
    topic: str
    address: str
    created: int


def order_from(document: dict[str, Any]) -> Order:
    fields = dict(document)
    fields["address"] = Address(**fields["address"])
    for name, kind in (("lines", Line), ("payments", Payment), ("parcels", Parcel), ("refunds", Refund)):
        fields[name] = [kind(**row) for row in fields[name]]
    return Order(**fields)
