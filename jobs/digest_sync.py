"""The digest's sync: shops that are behind, and how long ago the slowest was read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from domain.digest import Bad, Figure, Scope
from domain.ports import UnitOfWork
from domain.staff import Role
from jobs.digest_section import DigestSection
from jobs.registry import JobContext


async def collect(ctx: JobContext, uow: UnitOfWork, scope: Scope, _day: date) -> Sequence[Figure]:
    now = ctx.clock.now()
    shops = [
        shop
        for shop in await uow.sync.shops()
        if shop.tried_at is not None and (not scope.shops or shop.shop_code in scope.shops)
    ]
    if not shops:
        return []
    failing = [shop for shop in shops if shop.failures or shop.paused]
    oldest = min((shop.succeeded_at for shop in shops if shop.succeeded_at is not None), default=None)
    # Another process's clock, or a reading that ended meanwhile, may be a little ahead of ours.
    minutes = max(0.0, (now - oldest).total_seconds() / 60) if oldest is not None else 0.0
    names = "、".join(ctx.scene.shop_name(shop.shop_code) for shop in failing[:3])
    text = (
        f"{len(failing)} 家连不上：{names}" if failing else f"{len(shops)} 家正常，最久 {minutes:.0f} 分钟前"
    )
    return [Figure("sync", "同步", len(failing), text, None, Bad.UP, 2.5, "同步状态")]


DIGEST = DigestSection(40, collect, frozenset({Role.SUPERVISOR, Role.ADMIN}))
