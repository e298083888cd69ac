"""Own mall, mini-program, POS: our own contract of pushes, an optional list, and files (platforms.md §3.7)."""

from __future__ import annotations

import aiohttp

from domain.clock import Clock
from domain.fleet import Commons
from integrations.commerce.custom.client import ContractClient
from integrations.commerce.custom.connector import CAPABILITIES, CustomConnector
from integrations.commerce.custom.settings import CustomSettings

__all__ = ["CAPABILITIES", "PLATFORM", "SETTINGS", "CustomConnector", "CustomSettings", "build"]

PLATFORM = "custom"
SETTINGS = CustomSettings


def build(
    shop_code: str,
    settings: CustomSettings,
    session: aiohttp.ClientSession,
    clock: Clock,
    *,
    commons: Commons | None = None,
) -> CustomConnector:
    """One shop. The session stays the caller's: `close` does not close it."""
    client = None
    if settings.api_base:
        client = ContractClient(shop_code, settings, session, clock, commons=commons)
    return CustomConnector(shop_code, settings, client, clock)
