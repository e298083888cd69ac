"""WeChat Pay v3 (platforms.md §5.2): daily bills, how a payment stands, notifications."""

from __future__ import annotations

import aiohttp

from domain.clock import Clock
from domain.fleet import Commons
from integrations.payment.wechatpay.bill import WechatDialect
from integrations.payment.wechatpay.client import WechatPayClient
from integrations.payment.wechatpay.connector import WechatPayConnector
from integrations.payment.wechatpay.settings import WechatPaySettings

__all__ = ["DIALECT", "PROVIDER", "SETTINGS", "WechatPayConnector", "WechatPaySettings", "build"]

PROVIDER = "wechatpay"
DIALECT = WechatDialect
SETTINGS = WechatPaySettings


def build(
    account: str,
    name: str,
    settings: WechatPaySettings,
    session: aiohttp.ClientSession,
    clock: Clock,
    *,
    commons: Commons | None = None,
) -> WechatPayConnector:
    """One merchant account. The session stays the caller's: `close` does not close it."""
    client = WechatPayClient(account, settings, session, clock, commons=commons)
    return WechatPayConnector(account, name, settings, client, clock)
