"""A rest for a platform that only fails, on the desk's clock (docs/decisions/0011): effects and people who ask do
not wait for it; the pull has its own, which lasts (domain/sync_health.py)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from domain.fleet import Commons, Outcome, Resting, Rule, guarded
from domain.ports import (
    AuthExpired,
    NotFound,
    PermissionMissing,
    Rejected,
    RemoteTemporary,
    ShopError,
    Throttled,
)

RULE = Rule(failures=5, seconds=30.0)
# Answers of a platform that works: they say nothing against its health.
HEALTHY = (Throttled, AuthExpired, PermissionMissing, Rejected, NotFound)


class Paused(RemoteTemporary):
    """The platform failed again and again, so it is left alone for a while."""


class Queued(Throttled):
    """Our own pace: nothing was asked, and there is no room for some seconds."""


class Health:
    """The rest of one shop. `healthy`: errors of its own that are answers as well."""

    def __init__(self, commons: Commons, shop: str, healthy: tuple[type[ShopError], ...] = ()) -> None:
        self._rests = commons.rests
        self._target = f"shop:{shop}"
        self._healthy = (*HEALTHY, *healthy)

    @asynccontextmanager
    async def watching(self, paused: Callable[[], Paused]) -> AsyncIterator[None]:
        """Around one call; raises what `paused` gives instead of calling while the platform rests."""
        try:
            async with guarded(self._rests, self._target, RULE, self._judge):
                yield
        except Resting:
            raise paused() from None

    def _judge(self, error: BaseException) -> Outcome:
        if not isinstance(error, ShopError):
            return Outcome.NEITHER
        return Outcome.WORKED if isinstance(error, self._healthy) else Outcome.FAILED
