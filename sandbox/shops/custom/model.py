"""What the simulated system keeps."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

CREATED, PAID, SHIPPED, DELIVERED = "CREATED", "PAID", "SHIPPED", "DELIVERED"
FINISHED, CANCELLED, CLOSED, REFUNDED = "FINISHED", "CANCELLED", "CLOSED", "REFUNDED"
STATUS_TEXTS = {
    CREATED: "待付款",
    PAID: "已付款",
    SHIPPED: "已发货",
    DELIVERED: "已签收",
    FINISHED: "已完成",
    CANCELLED: "已取消",
    CLOSED: "已关闭",
    REFUNDED: "已退款",
}


@dataclass(frozen=True)
class Shop:
    """`shop_id` is what the system itself calls the shop; `prefix` begins its order numbers."""

    code: str
    shop_id: str
    name: str
    prefix: str
    ships: bool


SHOPS = (
    Shop("pos-01", "POS01", "门店收银一号店", "POS", ships=False),
    Shop("mini-01", "MP01", "小程序商城", "MP", ships=True),
)


@dataclass
class Line:
    sku: str
    title: str
    qty: int
    price: int  # fen


@dataclass
class Refund:
    refund_id: str
    amount: int
    reason: str
    status: str  # APPLIED, SUCCESS, CLOSED
    created: int
    modified: int


@dataclass
class Order:
    """Times are milliseconds, 0 for not yet; amounts fen. `told` is the newest state the desk has accepted."""

    number: str
    shop: str
    status: str
    lines: list[Line]
    paid_amount: int
    post_fee: int
    created: int
    modified: int
    paid: int = 0
    shipped: int = 0
    delivered: int = 0
    finished: int = 0
    buyer: str = ""
    name: str = ""
    phone: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    address: str = ""
    buyer_memo: str = ""
    memo: str = ""
    carrier: str = ""
    waybill: str = ""
    refunds: list[Refund] = field(default_factory=list)
    told: int = 0

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def goods(self) -> int:
        return sum(line.qty * line.price for line in self.lines)

    @property
    def refunded(self) -> int:
        return sum(refund.amount for refund in self.refunds if refund.status == "SUCCESS")

    @property
    def open_refund(self) -> Refund | None:
        return next((refund for refund in self.refunds if refund.status == "APPLIED"), None)


def order_from(document: dict[str, Any]) -> Order:
    lines = [Line(**line) for line in document.pop("lines")]
    refunds = [Refund(**refund) for refund in document.pop("refunds")]
    return Order(lines=lines, refunds=refunds, **document)
