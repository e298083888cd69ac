"""What a view may ask besides its subject: the moment, the rules, the people, the shops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.clock import Clock, shanghai
from domain.policy import Policies
from domain.staff import Staff, StaffDirectory


@dataclass(frozen=True)
class ShopInfo:
    """What handlers and views may know of a configured shop. `refund` none | agree | create."""

    code: str
    name: str
    platform: str
    region: str = ""
    warehouse: str = ""
    refund: str = "none"
    connected: bool = False


@dataclass(frozen=True)
class Scene:
    clock: Clock
    policies: Policies
    directory: StaffDirectory
    shops: Mapping[str, ShopInfo]

    def shop_name(self, code: str) -> str:
        shop = self.shops.get(code)
        return shop.name if shop else code


@dataclass(frozen=True)
class Viewer:
    """Whose eyes a card is for, and the trace whose short form stands in its footer."""

    staff: Staff
    trace_id: str

    @property
    def short_trace(self) -> str:
        return self.trace_id[:8]


def day_time(moment: datetime | None, now: datetime) -> str:
    """`10:21` today, `11-21 10:21` this year, else with the year; Asia/Shanghai."""
    if moment is None:
        return ""
    local, today = shanghai(moment), shanghai(now)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{local:%m-%d %H:%M}" if local.year == today.year else f"{local:%Y-%m-%d %H:%M}"
