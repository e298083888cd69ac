"""Our own message limits, known before a call: WeCom drops what is over its limits without an error (§1.4)."""

from __future__ import annotations

import time

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import RedisStorage, Storage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

from cards.door import Retry
from integrations.chat.wecom.windows import MovingWindows

MEMORY = "async+memory://"
MEMBER_PER_MINUTE = 25  # the platform's 30, less a margin for clocks and for other senders of this app
MEMBER_PER_HOUR = 900  # of 1,000
STORAGE_PAUSE = 5.0  # seconds
GROUP_PER_MINUTE = 100  # of 200 to one member from all groups of the app
MEMBER: tuple[RateLimitItem, ...] = (
    RateLimitItemPerMinute(MEMBER_PER_MINUTE),
    RateLimitItemPerHour(MEMBER_PER_HOUR),
)
GROUP = RateLimitItemPerMinute(GROUP_PER_MINUTE)
SPANS = {60: "分钟", 3600: "小时", 86400: "天"}

Keys = dict[RateLimitItem, tuple[str, ...]]


def open_storage(uri: str) -> Storage:
    """Memory of this process, or what `limits` opens for a URI such as async+redis://…"""
    if uri == MEMORY:
        return MovingWindows()
    options = {"implementation": "redispy"} if "redis" in uri else {}
    storage = storage_from_string(uri, wrap_exceptions=True, **options)
    if not isinstance(storage, Storage):
        raise ValueError(f"limits_url: {uri.partition(':')[0]} is not an asynchronous storage")
    return storage


class SendLimits:
    """Counts the messages of one app to each member and group, and in a day.

    The counts stay in the same place for every replica when `uri` names a shared storage.
    """

    def __init__(self, app: str, *, daily: int = 0, uri: str = MEMORY) -> None:
        self._app = app
        self._storage = open_storage(uri)
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._daily = RateLimitItemPerDay(daily) if daily else None

    async def take_member(self, user_id: str, messages: int = 1) -> None:
        """Raises Retry without counting anything when these messages would be over a limit."""
        items = (*MEMBER, self._daily) if self._daily else MEMBER
        keys: Keys = {item: (self._app, "" if item is self._daily else user_id.casefold()) for item in items}
        await self._take(keys, messages)

    async def take_group(self, chat_id: str, messages: int = 1) -> None:
        await self._take({GROUP: (self._app, "group", chat_id)}, messages)

    async def close(self) -> None:
        """Close the connections of a shared storage."""
        bridge = self._storage.bridge if isinstance(self._storage, RedisStorage) else None
        if isinstance(bridge, RedispyBridge):
            await bridge.storage.aclose()

    async def _take(self, keys: Keys, messages: int) -> None:
        """A storage that is down stops sending for a moment: uncounted messages could be dropped in silence."""
        try:
            await self._count(keys, messages)
        except StorageError:
            raise Retry(
                "消息计数的存储连不上，稍后再发", code="limits_down", retry_after=STORAGE_PAUSE
            ) from None

    async def _count(self, keys: Keys, messages: int) -> None:
        for item, key in keys.items():
            if not await self._limiter.test(item, *key, cost=messages):
                raise await self._over(item, key)
        for item, key in keys.items():
            if not await self._limiter.hit(item, *key, cost=messages):
                raise await self._over(item, key)

    async def _over(self, item: RateLimitItem, key: tuple[str, ...]) -> Retry:
        stats = await self._limiter.get_window_stats(item, *key)
        left = max(stats.reset_time - time.time(), 0.1)
        span = SPANS[item.get_expiry()]
        return Retry(f"发得太密（每{span} {item.amount} 条），稍后再发", code="own_limit", retry_after=left)
