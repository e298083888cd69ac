"""Taobao and Tmall through the Taobao Open Platform, TOP (platforms.md §3.1)."""

from __future__ import annotations

import aiohttp

from domain.clock import Clock
from domain.fleet import Commons
from integrations.commerce.taobao.client import TopClient
from integrations.commerce.taobao.connector import CAPABILITIES, TaobaoConnector
from integrations.commerce.taobao.settings import TaobaoSettings

__all__ = ["CAPABILITIES", "PLATFORM", "SETTINGS", "TaobaoConnector", "TaobaoSettings", "build"]

PLATFORM = "taobao"
SETTINGS = TaobaoSettings


def build(
    shop_code: str,
    settings: TaobaoSettings,
    session: aiohttp.ClientSession,
    clock: Clock,
    *,
    commons: Commons | None = None,
) -> TaobaoConnector:
    """One authorised shop. The session stays the caller's: `close` does not close it."""
    client = TopClient(shop_code, settings, session, clock, commons=commons)
    return TaobaoConnector(shop_code, settings, client, clock)
