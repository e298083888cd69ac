"""How sparing the desk is with messages (`policies.messages`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True)
class Budget:
    """What a platform lets all our apps spend in a calendar month (Asia/Shanghai); 0 is no limit."""

    calls: int = 0
    messages: int = 0


def _free_editions() -> Mapping[str, Budget]:
    """DingTalk's standard edition since 2025-11-19 (dingtalk.md §0 no. 5); WeCom counts by member instead."""
    return {"dingtalk": Budget(calls=5000, messages=3000)}


@dataclass(frozen=True)
class MessagePolicy:
    """Shares of a month's budget at which the next measure begins, in the order of saving: tell the
    administrator, merge yellow messages every `merge_every`, keep them for `digest_hour`, send only red."""

    budgets: Mapping[str, Budget] = field(default_factory=_free_editions)
    warn_at: float = 0.7
    merge_at: float = 0.8
    digest_at: float = 0.9
    only_red_at: float = 0.97
    merge_every: timedelta = timedelta(minutes=30)
    digest_hour: int = 9

    def __post_init__(self) -> None:
        steps = (self.warn_at, self.merge_at, self.digest_at, self.only_red_at)
        if not all(0 < one <= 1 for one in steps) or list(steps) != sorted(steps):
            raise ValueError("warn_at ≤ merge_at ≤ digest_at ≤ only_red_at，都在 0 和 1 之间")
        if not 0 <= self.digest_hour <= 23:
            raise ValueError("digest_hour 要在 0 到 23 之间")
        if self.merge_every < timedelta(minutes=1):
            raise ValueError("merge_every 至少 1 分钟")
