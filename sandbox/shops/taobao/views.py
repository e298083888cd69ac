"""What the platform answers: masked receivers, oaid, only the fields that were asked for."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.shops.taobao.amounts import GMT8, time_text, yuan
from sandbox.shops.taobao.errors import missing
from sandbox.shops.taobao.model import FINISHED, Line, Refund, Trade


def wanted(params: Mapping[str, str]) -> frozenset[str]:
    """The names in `fields`; `orders.oid` asks for the whole sub-orders. Missing is an error 40."""
    names = {name.strip().partition(".")[0] for name in params.get("fields", "").split(",")} - {""}
    if not names:
        raise missing("fields")
    return frozenset(names)


def mask_name(name: str) -> str:
    return name[:1] + "*" * max(1, len(name) - 1)


def mask_phone(phone: str) -> str:
    return "*" * (len(phone) - 4) + phone[-4:]


def mask_address(address: str) -> str:
    return f"{address[:1]}***{address[-1:]}"


def mask_nick(nick: str) -> str:
    return f"{nick[:1]}**{nick[-1:]}"


def oaid(trade: Trade, app_key: str) -> str:
    """Stable for one receiver in one shop, app and natural week of the creation time (§3.1 PII)."""
    year, week, _ = datetime.fromtimestamp(trade.created / 1000, GMT8).isocalendar()
    who = trade.receiver
    facts = "|".join((trade.shop, app_key, f"{year}-{week}", who.name, who.phone, who.address))
    return "1" + base64.b64encode(hashlib.sha256(facts.encode()).digest()).decode()


def trade_view(trade: Trade, app_key: str, fields: frozenset[str]) -> dict[str, Any]:
    who = trade.receiver
    whole: dict[str, Any] = {
        "tid": trade.tid,
        "tid_str": trade.tid,
        "type": "fixed",
        "status": trade.status,
        "payment": yuan(trade.payment),
        "total_fee": yuan(trade.total_fee),
        "discount_fee": yuan(trade.discount_fee),
        "post_fee": yuan(trade.post_fee),
        "received_payment": yuan(trade.payment if trade.status == FINISHED else 0),
        "created": time_text(trade.created),
        "modified": time_text(trade.modified),
        "buyer_open_uid": trade.buyer_open_uid,
        "buyer_nick": mask_nick(trade.buyer_nick),
        "oaid": oaid(trade, app_key),
        "receiver_name": mask_name(who.name),
        "receiver_mobile": mask_phone(who.phone),
        "receiver_state": who.state,
        "receiver_city": who.city,
        "receiver_district": who.district,
        "receiver_town": who.town,
        "receiver_address": mask_address(who.address),
        "receiver_zip": who.zip,
        "seller_flag": trade.seller_flag,
        "seller_memo": trade.seller_memo,
        "has_buyer_message": bool(trade.buyer_message),
        "orders": {"order": [_line_view(line) for line in trade.lines]},
    }
    whole |= {
        name: time_text(moment)
        for name in ("pay_time", "consign_time", "end_time")
        if (moment := getattr(trade, name))
    }
    if trade.buyer_message:
        whole["buyer_message"] = trade.buyer_message
    return {name: value for name, value in whole.items() if name in fields}


def _line_view(line: Line) -> dict[str, Any]:
    view: dict[str, Any] = {
        "oid": line.oid,
        "oid_str": line.oid,
        "num_iid": line.num_iid,
        "sku_id": line.sku_id,
        "outer_sku_id": line.outer_sku_id,
        "outer_iid": line.outer_iid,
        "title": line.title,
        "sku_properties_name": line.props,
        "num": line.num,
        "price": yuan(line.price),
        "total_fee": yuan(line.payment),
        "payment": yuan(line.payment),
        "discount_fee": yuan(max(0, line.num * line.price - line.payment)),
        "divide_order_fee": yuan(line.payment),
        "status": line.status,
        "refund_status": line.refund_status,
        "is_oversold": False,
    }
    if line.refund_id:
        view["refund_id"] = line.refund_id
    if line.waybill:
        view |= {"logistics_company": line.company, "invoice_no": line.waybill}
    return view


def refund_view(refund: Refund, trade: Trade, fields: frozenset[str]) -> dict[str, Any]:
    line = next(line for line in trade.lines if line.oid == refund.oid)
    whole: dict[str, Any] = {
        "refund_id": refund.refund_id,
        "tid": refund.tid,
        "oid": refund.oid,
        "status": refund.status,
        "refund_fee": yuan(refund.fee),
        "payment": yuan(max(0, trade.payment - refund.fee)),
        "total_fee": yuan(line.payment),
        "good_status": "BUYER_RECEIVED" if refund.phase == "aftersale" else "BUYER_NOT_RECEIVED",
        "has_good_return": refund.good_return,
        "reason": refund.reason,
        "desc": "",
        "title": line.title,
        "buyer_nick": mask_nick(trade.buyer_nick),
        "buyer_open_uid": trade.buyer_open_uid,
        "created": time_text(refund.created),
        "modified": time_text(refund.version),
        "refund_phase": refund.phase,
        "refund_version": refund.version,
        "order_status": trade.status,
        "dispute_type": "REFUND_AND_RETURN" if refund.good_return else "REFUND",
        "num": line.num,
    }
    if refund.status == "WAIT_SELLER_AGREE":
        deadline = time_text(refund.created + 48 * 3_600_000)
        whole["refund_remind_timeout"] = {"exist_timeout": True, "remind_type": 2, "timeout": deadline}
    return {name: value for name, value in whole.items() if name in fields}
