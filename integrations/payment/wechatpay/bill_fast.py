"""交易账单 in the column engine's words; the rules are those of TradeTable."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.payment import bill_sql as sql
from integrations.payment.bill_fast import FastTable
from integrations.payment.wechatpay.columns import FEE_DIGITS, MONEY

_HALF_FEN = 500  # of 1000 units of 10**-5 yuan in a fen


def fast_table(columns: Mapping[str, int], width: int) -> FastTable:
    at = {name: f"c{place}" for name, place in columns.items()}
    at[next(name for name, place in columns.items() if place == 0)] = "substr(c0, 2)"  # without its backtick
    state, paid = at["交易状态"], at.get("订单金额", at["应结订单金额"])
    refunded, refund_no, when = _refund(at)
    fee = sql.whole(at["手续费"])
    money = [at[name] for name in MONEY if name in at]
    is_payment = f"{state} = 'SUCCESS'"
    return FastTable(
        delimiter=",`",
        width=width,
        row={
            "kind": f"CASE WHEN {is_payment} THEN 'payment' WHEN {_failed(at)} THEN 'other' ELSE 'refund' END",
            "provider_no": at["微信订单号"],
            "order_no": at["商户订单号"],
            "refund_no": f"CASE WHEN {is_payment} THEN '' ELSE {refund_no} END",
            "amount": f"CASE WHEN {is_payment} THEN {sql.whole(paid)} ELSE {refunded} END",
            "fee": f"sign({fee}) * ((abs({fee}) + {_HALF_FEN}) // 1000)",
            "at_us": f"CASE WHEN {is_payment} THEN {sql.micros(at['交易时间'])} ELSE {sql.micros(when)} END",
        },
        good=" AND ".join(
            [
                "c0[1] = '`'",
                f"{state} IN ('SUCCESS', 'REFUND', 'REVOKED')",
                f"{at['货币种类']} = 'CNY'",
                f"regexp_full_match({at['微信订单号']}, '[0-9]+')",
                *(sql.is_plain(text) for text in (at["商户订单号"], refund_no)),
                *(sql.is_amount(column) for column in money),
                sql.is_amount(at["手续费"], FEE_DIGITS),
                sql.is_time(at["交易时间"]),
                f"({is_payment} OR ({sql.is_time(when)}))",
            ]
        ),
        sums={
            "fees": fee,
            **{f"money{n}": sql.whole(at[name]) for n, name in enumerate(MONEY) if name in at},
        },
        texts={"merchant": at["商户号"]},
    )


def _refund(at: Mapping[str, str]) -> tuple[str, str, str]:
    """SQL of what went back, our refund number, and when."""
    if "退款金额" not in at:
        return "0", "''", at["交易时间"]
    asked = at.get("申请退款金额", at["退款金额"])
    return f"-{sql.whole(asked)}", at["商户退款单号"], at.get("退款成功时间", at["交易时间"])


def _failed(at: Mapping[str, str]) -> str:
    return f"{at['退款状态']} IN ('FAIL', 'CLOSED')" if "退款状态" in at else "false"
