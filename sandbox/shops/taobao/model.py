"""Trades and refunds as the simulated platform keeps them: clear data, fen, milliseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

UNPAID = "WAIT_BUYER_PAY"
TO_SHIP = "WAIT_SELLER_SEND_GOODS"
PART_SHIPPED = "SELLER_CONSIGNED_PART"
SHIPPED = "WAIT_BUYER_CONFIRM_GOODS"
SIGNED = "TRADE_BUYER_SIGNED"
FINISHED = "TRADE_FINISHED"
CLOSED = "TRADE_CLOSED"
CLOSED_UNPAID = "TRADE_CLOSED_BY_TAOBAO"
ON_HOLD = "PAID_FORBID_CONSIGN"

STATUS_TEXTS = {
    UNPAID: "等待买家付款",
    TO_SHIP: "买家已付款",
    PART_SHIPPED: "卖家部分发货",
    SHIPPED: "卖家已发货",
    SIGNED: "买家已签收",
    FINISHED: "交易成功",
    CLOSED: "交易关闭（已退款）",
    CLOSED_UNPAID: "交易关闭（未付款）",
    ON_HOLD: "已付款，禁止发货",
}

WAIT_SELLER = "WAIT_SELLER_AGREE"
WAIT_RETURN = "WAIT_BUYER_RETURN_GOODS"
WAIT_CONFIRM = "WAIT_SELLER_CONFIRM_GOODS"
REFUSED = "SELLER_REFUSE_BUYER"
REFUND_CLOSED = "CLOSED"
REFUNDED = "SUCCESS"
OPEN_REFUNDS = frozenset({WAIT_SELLER, WAIT_RETURN, WAIT_CONFIRM})


@dataclass
class Receiver:
    name: str
    phone: str
    state: str
    city: str
    district: str
    town: str
    address: str
    zip: str = "310000"


@dataclass
class Line:
    """One sub-order; `total` after its own discount, `payment` its share of what was paid."""

    oid: str
    num_iid: str
    sku_id: str
    outer_sku_id: str
    outer_iid: str
    title: str
    props: str
    num: int
    price: int
    payment: int
    status: str
    refund_status: str = "NO_REFUND"
    refund_id: str = ""
    company: str = ""
    waybill: str = ""


@dataclass
class Trade:
    """`modified` grows by at least one millisecond with every change, even when the clock stands still."""

    tid: str
    shop: str
    status: str
    buyer_nick: str
    buyer_open_uid: str
    receiver: Receiver
    lines: list[Line]
    payment: int
    discount_fee: int
    post_fee: int
    created: int
    modified: int
    pay_time: int = 0
    consign_time: int = 0
    end_time: int = 0
    seller_memo: str = ""
    seller_flag: int = 0
    buyer_message: str = ""

    @property
    def total_fee(self) -> int:
        return sum(line.num * line.price for line in self.lines)


@dataclass
class Refund:
    """A buyer's application. `version` is the ms time of its last change (platforms.md §3.1)."""

    refund_id: str
    tid: str
    oid: str
    shop: str
    status: str
    fee: int
    reason: str
    phase: str
    created: int
    version: int
    good_return: bool = False
    reviewed: bool = False
    refuse_message: str = ""

    @property
    def open(self) -> bool:
        return self.status in OPEN_REFUNDS


@dataclass
class Shop:
    """`tmall` shops must review a refund before they agree to it."""

    code: str
    name: str
    tmall: bool


@dataclass
class Session:
    """One seller's authorisation of one app; `expires` is an epoch in seconds."""

    session: str
    app_key: str
    shop: str
    expires: int


@dataclass
class App:
    app_key: str
    app_secret: str


def trade_from(document: dict[str, Any]) -> Trade:
    fields = dict(document)
    fields["receiver"] = Receiver(**fields["receiver"])
    fields["lines"] = [Line(**line) for line in fields["lines"]]
    return Trade(**fields)


@dataclass
class Usage:
    """What one app used up: call tokens, the ban it earned, and today's counters."""

    tokens: float = 0.0
    seen: float = 0.0
    banned_until: float = 0.0
    daily_ban: bool = False
    day: str = ""
    calls: int = 0
    decrypted: int = 0
