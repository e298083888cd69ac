"""DingTalk: Stream or HTTP callbacks in, robot messages and interactive cards out."""

from __future__ import annotations

import aiohttp

from domain.clock import Clock
from domain.fleet import Commons
from integrations.chat.dingtalk.callback import CallbackRefused
from integrations.chat.dingtalk.door import PLATFORM, DingTalkDoor
from integrations.chat.dingtalk.settings import DingTalkSettings

SETTINGS = DingTalkSettings

__all__ = ["PLATFORM", "SETTINGS", "CallbackRefused", "DingTalkDoor", "DingTalkSettings", "build"]


def build(
    app: str,
    settings: DingTalkSettings,
    session: aiohttp.ClientSession,
    clock: Clock,
    *,
    commons: Commons | None = None,
) -> DingTalkDoor:
    """The door of the app named `app` in the settings; `commons` is what it shares with other processes. The
    session stays the caller's to close."""
    return DingTalkDoor(app, settings, session, clock, commons=commons)
