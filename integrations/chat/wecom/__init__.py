"""WeCom (企业微信) as a chat door: a self-built app with a callback URL. See README.md."""

from __future__ import annotations

import aiohttp

from domain.clock import Clock
from domain.fleet import Commons
from integrations.chat.wecom.callback import CallbackRefused, verify_callback, verify_url
from integrations.chat.wecom.door import WeComDoor
from integrations.chat.wecom.settings import WeComSettings

PLATFORM = "wecom"
SETTINGS = WeComSettings

__all__ = [
    "PLATFORM",
    "SETTINGS",
    "CallbackRefused",
    "WeComDoor",
    "WeComSettings",
    "build",
    "verify_callback",
    "verify_url",
]


def build(
    app: str,
    settings: WeComSettings,
    session: aiohttp.ClientSession,
    clock: Clock,
    *,
    commons: Commons | None = None,
) -> WeComDoor:
    """The door of one app; `commons` is what it shares with other processes. Raises ValueError naming the setting
    when the key cannot be one."""
    return WeComDoor(app, settings, session, clock, commons=commons)
