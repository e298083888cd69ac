"""`同步 <店铺> [开始 结束]` as people type it: a day, two days, days with times, or 2小时 back from now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from domain.clock import SHANGHAI, shanghai
from domain.ports import Window

_DAYS = {"今天": 0, "昨天": 1, "前天": 2}
_DATE = re.compile(r"(?:(\d{4})[-/.年])?(\d{1,2})[-/.月](\d{1,2})日?")
_TIME = re.compile(r"(\d{1,2})[:：点时](\d{2})?分?")
_SPAN = re.compile(r"(?:最近|近)?(\d{1,4})\s*(小时|天|分钟)")
_UNITS = {"分钟": timedelta(minutes=1), "小时": timedelta(hours=1), "天": timedelta(days=1)}
_BETWEEN = re.compile(r"[\s,，~～至到]+")
EXAMPLES = "同步 店铺；同步 店铺 昨天；同步 店铺 01-05 01-07；同步 店铺 2小时"


class BadSyncWords(ValueError):
    """The words name no window; the message says how to write one."""


@dataclass(frozen=True)
class SyncWords:
    """`shop` as typed; `window` None: just read on from where the last run stopped."""

    shop: str
    window: Window | None


def read_sync_words(text: str, shops: Mapping[str, str], now: datetime) -> SyncWords:
    """`shops`: name by code. A name may hold spaces, so the longest known one at the beginning is taken."""
    plain = " ".join(text.split())
    known = sorted({*shops, *shops.values()}, key=len, reverse=True)
    shop = next((name for name in known if plain.casefold().startswith(name.casefold())), "")
    if not shop:
        shop = plain.split(" ")[0] if plain else ""
    return SyncWords(plain[: len(shop)], read_window(plain[len(shop) :], now))


def read_window(text: str, now: datetime) -> Window | None:
    """None for no words. Days are Asia/Shanghai; an end without a time is the end of its day."""
    plain = text.strip(" ,，:：")
    if not plain:
        return None
    if span := _SPAN.fullmatch(plain):
        return Window(now - int(span[1]) * _UNITS[span[2]], now)
    moments = _moments(plain, shanghai(now).date())
    (first, start), (last, end) = moments[0], moments[-1]
    begin = datetime.combine(first, start or time(), SHANGHAI)
    if end is not None and len(moments) > 1:
        finish = datetime.combine(last, end, SHANGHAI)
    else:
        finish = datetime.combine(last + timedelta(days=1), time(), SHANGHAI)
    window = Window(begin.astimezone(now.tzinfo), min(finish.astimezone(now.tzinfo), now))
    if window.end <= window.start:
        raise BadSyncWords("结束要晚于开始，开始要早于现在")
    return window


def _moments(plain: str, today: date) -> list[tuple[date, time | None]]:
    """One or two days, each with a time or without."""
    found: list[tuple[date, time | None]] = []
    for word in _BETWEEN.split(plain):
        if (clock := _TIME.fullmatch(word)) and found and found[-1][1] is None:
            found[-1] = (found[-1][0], _time(clock))
        else:
            found.append((_day(word, today), None))
    if len(found) > 2:
        raise BadSyncWords(f"时间段写一个或两个日期，例如：{EXAMPLES}")
    return found


def _day(word: str, today: date) -> date:
    if word in _DAYS:
        return today - timedelta(days=_DAYS[word])
    match = _DATE.fullmatch(word)
    if match is None:
        raise BadSyncWords(f"看不懂“{word[:20]}”，例如：{EXAMPLES}")
    month, day = int(match[2]), int(match[3])
    try:
        if match[1]:
            return date(int(match[1]), month, day)
        this_year = date(today.year, month, day)
        return this_year if this_year <= today else date(today.year - 1, month, day)
    except ValueError as error:
        raise BadSyncWords(f"没有“{word[:20]}”这一天") from error


def _time(match: re.Match[str]) -> time:
    try:
        return time(int(match[1]), int(match[2] or 0))
    except ValueError as error:
        raise BadSyncWords(f"没有“{match[0]}”这个时间") from error
