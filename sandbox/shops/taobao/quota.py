"""Call limits of one app: a token bucket a second, a counter a day, bans in the platform's words (§1.3)."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from sandbox.shops.taobao import switches
from sandbox.shops.taobao.amounts import GMT8
from sandbox.shops.taobao.books import Books
from sandbox.shops.taobao.errors import banned, business
from sandbox.shops.taobao.model import Usage

BAN_SECONDS = 1


def _usage(books: Books, app_key: str) -> Usage:
    usage = books.usage.setdefault(app_key, Usage())
    today = books.world.clock.now().astimezone(GMT8).date().isoformat()
    if usage.day != today:
        usage.day, usage.calls, usage.decrypted = today, 0, 0
    return usage


def _seconds_to_midnight(now: datetime) -> int:
    local = now.astimezone(GMT8)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1, math.ceil((midnight - local).total_seconds()))


def admit(books: Books, app_key: str) -> None:
    """Count one call; raise error 7 when the app is over a limit or still banned."""
    usage = _usage(books, app_key)
    now = books.world.clock.now().timestamp()
    if now < usage.banned_until:
        raise banned(math.ceil(usage.banned_until - now), daily=usage.daily_ban)
    daily = switches.value(books.world, "calls_per_day")
    usage.calls += 1
    if daily != "off" and usage.calls > int(daily):
        _ban(usage, now, _seconds_to_midnight(books.world.clock.now()), daily=True)
    rate = switches.number(books.world, "calls_per_second")
    gained = rate if now < usage.seen or not usage.seen else (now - usage.seen) * rate
    usage.tokens, usage.seen = min(rate, usage.tokens + gained), now
    if usage.tokens < 1:
        _ban(usage, now, BAN_SECONDS, daily=False)
    usage.tokens -= 1


def _ban(usage: Usage, now: float, seconds: int, *, daily: bool) -> None:
    usage.banned_until, usage.daily_ban = now + seconds, daily
    raise banned(seconds, daily=daily)


def spend_decrypts(books: Books, app_key: str, count: int) -> None:
    usage = _usage(books, app_key)
    if usage.decrypted + count > switches.number(books.world, "decrypt_per_day"):
        raise business("decrypt-quota-exceeded", "今日解密次数已用完")
    usage.decrypted += count
