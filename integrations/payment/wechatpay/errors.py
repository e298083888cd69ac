"""WeChat Pay's refusals as payment errors (platforms.md §1.3, §5.2), with words that say what to do."""

from __future__ import annotations

from domain.payment import BillNotReady, PaymentDenied, PaymentError, PaymentThrottled, PaymentUnknown
from integrations.payment.calling import ClockSkew, Final

CREATING_SECONDS = 1800.0  # "again after 30 min"


class NoSuch(Final):
    """There is no payment of this name."""


def classify(status: int, code: str, said: str, account: str) -> PaymentError:
    """The error for an answer that is no 2xx."""
    if status == 429 or code in ("FREQUENCY_LIMITED", "RATELIMIT_EXCEED", "FREQUENCY_LIMIT_EXCEED"):
        return PaymentThrottled("微信支付限流，稍后自动重试")
    if code == "STATEMENT_CREATING":
        return BillNotReady("微信支付的账单还在生成，半小时后再取", retry_after=CREATING_SECONDS)
    if code in ("NO_STATEMENT_EXIST", "NO_BILL_EXIST"):
        return BillNotReady("微信支付没有这一天的账单：这一天没有交易", final=True)
    if code in ("ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"):
        return NoSuch(f"微信支付没有这条记录：{said}")
    if status == 401 and "时间" in said:
        return ClockSkew("本机时间与微信支付相差超过 5 分钟：请校准服务器时间")
    if status == 401 or code == "SIGN_ERROR":
        return PaymentDenied(
            f"微信支付说签名无效：请核对 payments.{account} 的 mchid、serial_no 与 private_key 是同一张证书"
        )
    if status == 403 or code in ("NO_AUTH", "RULE_LIMIT"):
        return PaymentDenied(f"微信支付说没有权限：{said}。请在商户平台开通（{code}）")
    if status >= 500 or code in ("SYSTEM_ERROR", "SYSTEMERROR", "BANK_ERROR"):
        return PaymentUnknown(f"微信支付系统繁忙（{code or status}），结果未知：先查询再重试")
    return Final(f"微信支付拒绝：{said or '没有说原因'}（{code or status}）")
