"""How shops are pulled (`policies.sync`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

MOST_DAYS = 90  # no platform of platforms.md §1.2 lists further back without asking


@dataclass(frozen=True)
class SyncPolicy:
    """`first_days`: how far back a shop that was never pulled begins. `windows_per_run`: windows one run of one
    shop reads at most, so that a long catching-up leaves room for the others.

    After a failure the shop is tried again `retries` times every `retry`, then after `rest`, doubling up to
    `longest_rest`; while it rests its breaker is open. More than `tell_above` failures within an hour are told
    to supervisors and administrators, once an hour. `stale_after` without a completed window is said on cards.
    """

    first_days: int = 8
    windows_per_run: int = 500
    retry: timedelta = timedelta(seconds=30)
    retries: int = 3
    rest: timedelta = timedelta(minutes=1)
    longest_rest: timedelta = timedelta(minutes=30)
    tell_above: int = 10
    stale_after: timedelta = timedelta(minutes=30)
    sweep_hours: int = 2
    nightly_hours: int = 48

    def __post_init__(self) -> None:
        if not 1 <= self.first_days <= MOST_DAYS:
            raise ValueError(f"sync.first_days 要在 1 到 {MOST_DAYS} 之间：平台的列表只到三个月前")
        if self.windows_per_run < 1 or self.retries < 0 or self.tell_above < 0:
            raise ValueError("sync.windows_per_run 至少 1，sync.retries 和 sync.tell_above 不能是负数")
        if self.retry < timedelta(seconds=1) or not self.retry <= self.rest <= self.longest_rest:
            raise ValueError("sync 的间隔要满足 1 秒 ≤ retry ≤ rest ≤ longest_rest")
        if not 1 <= self.sweep_hours <= self.nightly_hours <= 24 * MOST_DAYS:
            raise ValueError("sync 的回看要满足 1 ≤ sweep_hours ≤ nightly_hours")
