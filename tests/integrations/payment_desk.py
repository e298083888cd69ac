"""Connectors in front of the simulated providers, on the simulator's clock."""

from __future__ import annotations

import dataclasses
from typing import Any

from integrations.payment import alipay, wechatpay
from integrations.payment.alipay import AlipayConnector, AlipaySettings
from integrations.payment.wechatpay import WechatPayConnector, WechatPaySettings
from tests.sandbox.payment_kit import Payments

FAST = {"rate_per_second": 1000, "timeout_seconds": 5.0}


def _settings(kind: type[Any], credential: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    known = {field.name for field in dataclasses.fields(kind)}
    return {key: value for key, value in credential.items() if key in known} | FAST | change


def alipay_settings(far: Payments, **change: Any) -> AlipaySettings:
    return AlipaySettings(**_settings(AlipaySettings, far.credential("alipay"), change))


def wechat_settings(far: Payments, **change: Any) -> WechatPaySettings:
    return WechatPaySettings(**_settings(WechatPaySettings, far.credential("wechatpay"), change))


def alipay_desk(far: Payments, **change: Any) -> AlipayConnector:
    return alipay.build("alipay-main", "支付宝", alipay_settings(far, **change), far.http, far.world.clock)


def wechat_desk(far: Payments, **change: Any) -> WechatPayConnector:
    return wechatpay.build(
        "wechat-main", "微信支付", wechat_settings(far, **change), far.http, far.world.clock
    )
