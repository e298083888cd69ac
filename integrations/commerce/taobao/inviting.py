"""Leaving word on the trade that a refund is approved: TOP lets only the buyer start one."""

from __future__ import annotations

import re
from typing import Any

from domain.money import Money
from domain.ports import Rejected, RemoteTemporary, RemoteUnknown
from integrations.commerce.taobao.client import TopClient

MAX_MEMO_BYTES = 1000
MAX_REASON_BYTES = 120


def memo_line(amount: Money, reason: str, key: str) -> str:
    """`【前哨】同意退款 ¥30.00 少件 编号RF…`, the reason in one short line."""
    plain = re.sub(r"[\s【】]+", " ", reason).strip()
    short = plain.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
    return f"【前哨】同意退款 {amount} {short} 编号{key}".replace("  ", " ")


def has_key(memo: str, key: str) -> bool:
    return re.search(rf"编号{re.escape(key)}(?![0-9A-Za-z])", memo) is not None


def extended_memo(memo: str, line: str) -> str:
    whole = f"{memo} {line}".strip()
    if len(whole.encode()) > MAX_MEMO_BYTES:
        raise Rejected("订单的卖家备注已写满：请在千牛删短备注，再重试这笔退款")
    return whole


async def invite(client: TopClient, tid: str, amount: Money, *, key: str, reason: str) -> None:
    """Append one line to the seller's memo, once for a key however often it is asked for."""
    trade = await _read(client, tid)
    memo = str(trade.get("seller_memo") or "")
    if has_key(memo, key):
        return
    args = {
        "tid": tid,
        "memo": extended_memo(memo, memo_line(amount, reason, key)),
        "flag": str(trade.get("seller_flag") or 0),  # left out, the platform would take the flag down
    }
    try:
        await client.call("taobao.trade.memo.update", args, once=True)
    except RemoteUnknown as lost:
        if not has_key(str((await _read(client, tid)).get("seller_memo") or ""), key):
            raise RemoteTemporary("写卖家备注没有成功，稍后自动重试") from lost


async def _read(client: TopClient, tid: str) -> dict[str, Any]:
    answer = await client.call(
        "taobao.trade.fullinfo.get", {"fields": "tid,seller_memo,seller_flag", "tid": tid}
    )
    trade: dict[str, Any] = answer.get("trade") or {}
    return trade
