"""Shipping methods: carriers and shipping with an own waybill (platforms.md §3.1)."""

from __future__ import annotations

from typing import Any

from sandbox.shops.taobao.calls import Call, Method
from sandbox.shops.taobao.errors import business, invalid
from sandbox.shops.taobao.model import PART_SHIPPED, SHIPPED, TO_SHIP, Line, Trade
from sandbox.shops.taobao.views import wanted

CARRIERS = (
    ("100", "SF", "顺丰速运", "^SF[0-9]{11,13}$"),
    ("101", "YTO", "圆通速递", "^YT[0-9]{13}$"),
    ("102", "ZTO", "中通快递", "^7[0-9]{13}$"),
    ("103", "STO", "申通快递", "^77[0-9]{13}$"),
    ("104", "YUNDA", "韵达快递", "^46[0-9]{13}$"),
    ("105", "EMS", "邮政EMS", "^1[0-9]{12}$"),
)


def companies(call: Call) -> dict[str, Any]:
    fields = wanted(call.params)
    rows = [dict(zip(("id", "code", "name", "reg_mail_no"), row, strict=True)) for row in CARRIERS]
    shown = [{name: value for name, value in row.items() if name in fields} for row in rows]
    return {"logistics_companies": {"logistics_company": shown}}


def offline_send(call: Call) -> dict[str, Any]:
    """The trade turns 卖家已发货 at once; an open refund stops it (platforms.md §12.6)."""
    trade = call.trade()
    waybill, code = call.text("out_sid"), call.text("company_code")
    company = next((name for _, known, name, _ in CARRIERS if known == code), None)
    if company is None:
        raise invalid("company_code", "物流公司不存在")
    if trade.status not in (TO_SHIP, PART_SHIPPED):
        raise business("logistics-offline-service-error:B04", "订单状态不允许发货")
    if call.books.open_refund(trade.tid):
        raise business("logistics-offline-service-error:B150", "订单有进行中的退款，不能发货")
    for line in _lines(call, trade):
        line.company, line.waybill, line.status = company, waybill, SHIPPED
    whole = all(line.waybill for line in trade.lines)
    trade.status = SHIPPED if whole else PART_SHIPPED
    trade.consign_time = trade.consign_time or call.now_ms
    call.books.world.record_effect(
        "taobao", "shipment", f"{trade.tid}/{waybill}", tid=trade.tid, shop=trade.shop, company=company
    )
    call.books.save_trade(trade)
    return {"shipping": {"is_success": True}}


def _lines(call: Call, trade: Trade) -> list[Line]:
    if call.whole("is_split", 0, least=0, most=1) == 0:
        return [line for line in trade.lines if not line.waybill]
    asked = set(call.text("sub_tid").split(","))
    lines = [line for line in trade.lines if line.oid in asked and not line.waybill]
    if len(lines) != len(asked):
        raise invalid("sub_tid", "子订单不存在或已发货")
    return lines


METHODS = {
    "taobao.logistics.companies.get": Method(companies, needs_session=False),
    "taobao.logistics.offline.send": Method(offline_send),
}
