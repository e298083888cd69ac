"""Quarantined orders asked for again by themselves: what was a spoilt answer is good the next time."""

from __future__ import annotations

from dataclasses import replace

from domain.order import Order
from domain.ports import NotFound, Rejected, ShopConnector, Unreadable
from domain.sync_intake import SyncDesk, Taken, hold, take_in

MOST_TRIES = 24  # a day of hourly looks; after that only a person's 重新处理 asks again
MOST_AT_ONCE = 50


async def ask_again(desk: SyncDesk, shop: ShopConnector) -> Taken:
    """Read each of a shop's open ones by its number; those that came in with a warning have nothing to gain."""
    held = await desk.unit_of_work().sync.all_held(shop_code=shop.shop_code, limit=MOST_AT_ONCE)
    fresh: list[Order | Unreadable] = []
    for item in held:
        if item.warning or not item.platform_order_id or item.tries >= MOST_TRIES:
            continue
        try:
            fresh.append(await shop.get_order(item.platform_order_id))
        except (NotFound, Rejected):
            uow = desk.unit_of_work()
            await hold(uow, replace(item, last_seen=desk.clock.now()))
            await uow.commit()
    return await take_in(desk, shop.shop_code, fresh)
