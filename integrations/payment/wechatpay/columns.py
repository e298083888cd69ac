"""The money columns of 交易账单."""

from __future__ import annotations

FEE_DIGITS = 5
MONEY = ("应结订单金额", "订单金额", "退款金额", "充值券退款金额", "申请退款金额")
