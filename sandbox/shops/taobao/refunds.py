"""Refund methods: list, detail, review, agree, refuse, with version and amount checks (platforms.md §3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.shops.taobao import switches
from sandbox.shops.taobao.amounts import time_text
from sandbox.shops.taobao.calls import Call, Method, page
from sandbox.shops.taobao.errors import business, invalid
from sandbox.shops.taobao.model import (
    CLOSED,
    REFUNDED,
    REFUSED,
    WAIT_RETURN,
    WAIT_SELLER,
    Refund,
)
from sandbox.shops.taobao.views import refund_view, wanted

MAX_ROWS = 20
DONE = "操作成功"


def received(call: Call) -> dict[str, Any]:
    """Newest change first; both ends of the window are optional."""
    fields = wanted(call.params)
    start = call.moment("start_modified") if call.params.get("start_modified") else 0
    end = call.moment("end_modified") if call.params.get("end_modified") else call.now_ms
    status = call.params.get("status")
    rows = [
        row
        for row in call.books.refunds.values()
        if row.shop == call.shop
        and start <= row.version < end + 1000
        and (not status or row.status == status)
    ]
    rows.sort(key=lambda row: (row.version, row.refund_id), reverse=True)
    shown, totals = page(call, rows)
    views = [refund_view(row, call.books.trades[row.tid], fields) for row in shown]
    return {"refunds": {"refund": views}, **totals} if views else totals


def detail(call: Call) -> dict[str, Any]:
    fields = wanted(call.params)
    refund = call.refund()
    return {"refund": refund_view(refund, call.books.trades[refund.tid], fields)}


def review(call: Call) -> dict[str, Any]:
    """Tmall's step before agreeing; repeating it changes nothing."""
    refund = call.refund()
    for name in ("operator", "result", "message"):
        call.text(name)
    passed = call.flag("result")
    if not call.books.shops[call.shop].tmall:
        raise business("not-tmall-seller", "只有天猫商家可以审核退款")
    _check_phase_and_version(refund, call.text("refund_phase"), call.text("refund_version"))
    if refund.status != WAIT_SELLER:
        raise business("refund-status-error", "退款状态不允许审核")
    if refund.reviewed != passed:
        refund.reviewed = passed
        if switches.is_on(call.books.world, "review_changes_version"):
            call.books.save_refund(refund)
        else:
            call.books.add_refund(refund)
    return {"is_success": True}


def _check_phase_and_version(refund: Refund, phase: str, version: str) -> None:
    if phase != refund.phase:
        raise business("refund-phase-error", "退款阶段不正确")
    if version != str(refund.version):
        raise business("refund-version-error", "退款版本已变更，请刷新后重试")


@dataclass(frozen=True)
class AgreeRow:
    """`refund_id|amount_in_fen|refund_version|refund_phase`; the phase is for Tmall only."""

    refund_id: str
    amount: int
    version: str
    phase: str


def _agree_rows(call: Call) -> list[AgreeRow]:
    rows = []
    for text in call.text("refund_infos").split(","):
        parts = text.split("|")
        if len(parts) not in (3, 4) or not parts[1].isascii() or not parts[1].isdigit():
            raise invalid("refund_infos", "应为 退款编号|金额(分)|版本|阶段")
        rows.append(AgreeRow(parts[0], int(parts[1]), parts[2], parts[3] if len(parts) == 4 else ""))
    if len(rows) > MAX_ROWS:
        raise invalid("refund_infos", f"每次最多 {MAX_ROWS} 笔")
    return rows


def agree(call: Call) -> dict[str, Any]:
    rows = _agree_rows(call)
    if _wants_code(call, sum(row.amount for row in rows)):
        return {"succ": False, "msg_code": "10000", "message": "需要短信验证码"}
    failures = {row.refund_id: _agree_one(call, row) for row in rows}
    results = [
        {"refund_id": refund_id, "succ": not why, "message": why or DONE}
        for refund_id, why in failures.items()
    ]
    bad = sum(1 for why in failures.values() if why)
    code = "OP_SUCC" if not bad else "OP_FAILURE_UE" if bad == len(failures) else "SOME_OP_SUCC"
    message = DONE if not bad else "操作失败" if code == "OP_FAILURE_UE" else "部分操作成功"
    return {
        "succ": not bad,
        "msg_code": code,
        "message": message,
        "results": {"refund_mapping_result": results},
    }


def _wants_code(call: Call, amount: int) -> bool:
    setting = switches.value(call.books.world, "sms_code")
    if setting == "off" or call.params.get("code") or call.flag("ignore_code"):
        return False
    return setting == "on" or amount >= int(setting)


def _agree_one(call: Call, row: AgreeRow) -> str:
    """Carry out one row; the platform's reason when it refuses."""
    refund = call.books.refunds.get(row.refund_id)
    if refund is None or refund.shop != call.shop:
        return "退款单不存在"
    why = _agree_refusal(call, refund, row)
    if not why:
        _pay_back(call, refund, row.amount)
    return why


def _agree_refusal(call: Call, refund: Refund, row: AgreeRow) -> str:
    if refund.status == REFUNDED:
        return "退款已经完成"
    if refund.status != WAIT_SELLER:
        return "退款状态不允许同意"
    if row.version != str(refund.version):
        return "退款版本已变更，请刷新后重试"
    exact = switches.value(call.books.world, "agree_amount") == "exact"
    if row.amount <= 0 or row.amount > refund.fee or (exact and row.amount != refund.fee):
        return "退款金额与买家申请不符"
    if call.books.shops[call.shop].tmall:
        if row.phase != refund.phase:
            return "退款阶段不正确"
        if not refund.reviewed:
            return "请先审核退款"
    return ""


def _pay_back(call: Call, refund: Refund, amount: int) -> None:
    """The money goes back (or the goods must come first); the effect is recorded once."""
    books, trade = call.books, call.books.trades[refund.tid]
    if refund.good_return:
        refund.status = WAIT_RETURN
        books.save_refund(refund)
        return
    refund.fee, refund.status = amount, REFUNDED
    books.add_refund(refund)
    books.world.record_effect(
        "taobao",
        "refund",
        refund.refund_id,
        tid=trade.tid,
        amount_fen=amount,
        shop=trade.shop,
        buyer=trade.buyer_nick,
        memo=trade.seller_memo,
    )
    if books.refunded(trade.tid) >= trade.payment:
        trade.status, trade.end_time = CLOSED, call.now_ms
        for line in trade.lines:
            line.status = CLOSED
    books.save_refund(refund)


def refuse(call: Call) -> dict[str, Any]:
    refund = call.refund()
    message = call.text("refuse_message")
    if call.books.shops[call.shop].tmall:
        _check_phase_and_version(refund, call.text("refund_phase"), call.text("refund_version"))
    if refund.status != WAIT_SELLER:
        raise business("refund-status-error", "退款状态不允许拒绝")
    refund.status, refund.refuse_message = REFUSED, message
    call.books.save_refund(refund)
    answer = {"refund_id": refund.refund_id, "status": refund.status, "modified": time_text(refund.version)}
    return {"refund": answer}


METHODS = {
    "taobao.refunds.receive.get": Method(received),
    "taobao.refund.get": Method(detail),
    "taobao.rp.refund.review": Method(review),
    "taobao.rp.refunds.agree": Method(agree),
    "taobao.refund.refuse": Method(refuse),
}
