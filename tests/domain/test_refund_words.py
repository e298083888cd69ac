"""What people type after 退款 is read as they mean it, or refused with what to write instead."""

from __future__ import annotations

import pytest

from domain.money import Money
from domain.refund_words import BadRefundWords, RefundWords, read_refund_words

NO = "4123456789012345601"


@pytest.mark.parametrize(
    ("text", "amount", "reason"),
    [
        (f"{NO} 30 破损", Money(3000), "破损"),
        (f"{NO} 30.5元 少发一件", Money(3050), "少发一件"),
        (f"{NO} ¥1,299.00 破损", Money(129900), "破损"),
        (f"{NO}　30块　破损", Money(3000), "破损"),
        (f"{NO} 破损", None, "破损"),
        (f"{NO} 全额 买家拒收", None, "买家拒收"),
        (f"{NO} $5 wrong size", Money(500, "USD"), "wrong size"),
        (f"{NO} -5 破损", Money(-500), "破损"),
        (f"{NO} 0 破损", Money(0), "破损"),
        (f"{NO} 30", Money(3000), ""),
    ],
)
def test_reads(text: str, amount: Money | None, reason: str) -> None:
    assert read_refund_words(text) == RefundWords(NO, amount, reason)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "退款 订单号 金额 原因"),
        (f"{NO} 3000分 破损", "单位是元"),
        (f"{NO} 30.555 破损", "最多 2 位小数"),
        (f"{NO} 30破损", "加空格"),
        (f"{NO} 3天没发货", "加空格"),
        (f"{NO} $30元 破损", "币种前后不一致"),
        (f"{NO} 1万 破损", "单位是元"),
    ],
)
def test_refuses_what_could_be_misread(text: str, says: str) -> None:
    with pytest.raises(BadRefundWords, match=says):
        read_refund_words(text)
