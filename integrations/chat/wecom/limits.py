"""Our own message limits, known before a call: WeCom drops what is over its limits without an error (§1.4)."""

from __future__ import annotations

import time
from collections.abc import Sequence

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
GROUP_PER_MINUTE = 100  # into one group
MEMBER: tuple[RateLimitItem, ...] = (
    RateLimitItemPerMinute(MEMBER_PER_MINUTE),
    RateLimitItemPerHour(MEMBER_PER_HOUR),
)
GROUP = RateLimitItemPerMinute(GROUP_PER_MINUTE)
GROUPS_TO_MEMBER: tuple[
    RateLimitItem, ...
] = (  # of 200 and 10,000, from all groups of the app; dropped in silence
    RateLimitItemPerMinute(180),
    RateLimitItemPerDay(9_000),
)
PERSON_TIMES: tuple[RateLimitItem, ...] = (  # of 20,000 and, for the smallest corps, 150,000
    RateLimitItemPerMinute(18_000),
    RateLimitItemPerHour(135_000),
)
SPANS = {60: "分钟", 3600: "小时", 86400: "天"}

Hits = list[tuple[RateLimitItem, tuple[str, ...], int]]  # limit, key, cost


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

    def __init__(self, app: str, *, corp: str = "", daily: int = 0, uri: str = MEMORY) -> None:
        self._app = app
        self._corp = corp or app
        self._storage = open_storage(uri)
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._daily = RateLimitItemPerDay(daily) if daily else None

    async def take_member(self, user_id: str, messages: int = 1) -> None:
        """Raises Retry without counting anything when these messages would be over a limit."""
        hits: Hits = [(item, (self._app, user_id.casefold()), messages) for item in MEMBER]
        if self._daily:
            hits.append((self._daily, (self._app, ""), messages))
        await self._take(hits)

    async def take_group(self, chat_id: str, messages: int = 1, *, members: Sequence[str] = ()) -> None:
        """A message into a group is one to each of its members, and as many person-times of the corp (§1.4)."""
        hits: Hits = [(GROUP, (self._app, "group", chat_id), messages)]
        for user in members:
            hits += [(item, (self._app, "groups", user.casefold()), messages) for item in GROUPS_TO_MEMBER]
        times = messages * len(members)
        if times:
            # One text may cost more than a whole window; it then needs an empty one.
            hits += [(item, (self._corp, "person-times"), min(times, item.amount)) for item in PERSON_TIMES]
        await self._take(hits)

    async def close(self) -> None:
        """Close the connections of a shared storage."""
        bridge = self._storage.bridge if isinstance(self._storage, RedisStorage) else None
        if isinstance(bridge, RedispyBridge):
            await bridge.storage.aclose()

    async def _take(self, hits: Hits) -> None:
        """A storage that is down stops sending for a moment: uncounted messages could be dropped in silence."""
        try:
            await self._count(hits)
        except StorageError:
            raise Retry(
                "消息计数的存储连不上，稍后再发", code="limits_down", retry_after=STORAGE_PAUSE
            ) from None

    async def _count(self, hits: Hits) -> None:
        for count in (self._limiter.test, self._limiter.hit):
            for item, key, cost in hits:
                if not await count(item, *key, cost=cost):
                    raise await self._over(item, key)

    async def _over(self, item: RateLimitItem, key: tuple[str, ...]) -> Retry:
        stats = await self._limiter.get_window_stats(item, *key)
        left = max(stats.reset_time - time.time(), 0.1)
        span = SPANS[item.get_expiry()]
        return Retry(f"发得太密（每{span} {item.amount} 条），稍后再发", code="own_limit", retry_after=left)
