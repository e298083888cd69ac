"""Alipay through its open platform (platforms.md §5.1): daily bills and how a payment stands."""

from __future__ import annotations

import aiohttp

from domain.clock import Clock
from domain.fleet import Commons
from integrations.payment.alipay.bill import AlipayDialect
from integrations.payment.alipay.client import AlipayClient
from integrations.payment.alipay.connector import AlipayConnector
from integrations.payment.alipay.settings import AlipaySettings

__all__ = ["DIALECT", "PROVIDER", "SETTINGS", "AlipayConnector", "AlipaySettings", "build"]

PROVIDER = "alipay"
DIALECT = AlipayDialect
SETTINGS = AlipaySettings


def build(
    account: str,
    name: str,
    settings: AlipaySettings,
    session: aiohttp.ClientSession,
    clock: Clock,
    *,
    commons: Commons | None = None,
) -> AlipayConnector:
    """One merchant account. The session stays the caller's: `close` does not close it."""
    client = AlipayClient(account, settings, session, clock, commons=commons)
    return AlipayConnector(account, name, settings, client, clock)
