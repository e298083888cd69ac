"""Alipay's refusals as payment errors (platforms.md §1.3, §5.1), with words that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.payment import PaymentDenied, PaymentError, PaymentThrottled, PaymentUnknown
from integrations.payment.calling import Final

_BUSY = frozenset(
    {"isp.unknow-error", "aop.unknow-error", "isp.unknown-error", "ACQ.SYSTEM_ERROR", "SYSTEM_ERROR"}
)
_SIGN = frozenset({"isv.invalid-signature", "isv.invalid-signature-type", "isv.missing-signature"})
_APP = frozenset({"isv.invalid-app-id", "isv.missing-app-id", "isv.app-not-online"})
BILL_NOT_EXIST = "isp.bill_not_exist"
TRADE_NOT_EXIST = "ACQ.TRADE_NOT_EXIST"


class NoSuch(Final):
    """There is no bill, or no trade, of this name."""


def classify(answer: Mapping[str, Any], account: str) -> PaymentError:
    """The error for an answer whose code is not 10000."""
    code, sub_code = str(answer.get("code") or ""), str(answer.get("sub_code") or "")
    said = str(answer.get("sub_msg") or answer.get("msg") or f"错误 {code}")
    if sub_code in (BILL_NOT_EXIST, TRADE_NOT_EXIST):
        return NoSuch(f"支付宝没有这条记录：{said}")
    if code == "20000" or sub_code in _BUSY:
        return PaymentUnknown(f"支付宝系统繁忙（{sub_code or code}），结果未知：先查询再重试")
    if "limit" in sub_code or "flow" in sub_code or "频" in said:  # its exact code is not settled, §14
        return PaymentThrottled(f"支付宝限流：{said}", retry_after=1.0)
    if sub_code in _SIGN:
        return PaymentDenied(
            f"支付宝说签名无效：请核对 payments.{account}.private_key 与应用里上传的公钥是一对"
        )
    if sub_code in _APP:
        return PaymentDenied(f"支付宝说应用无效：请核对 payments.{account}.app_id，应用要已上线")
    if code in ("20001", "40006"):
        return PaymentDenied(f"支付宝说没有权限：{said}。请在应用里添加能力并签约（{sub_code or code}）")
    return Final(f"支付宝拒绝：{said}（{sub_code or code}）")
