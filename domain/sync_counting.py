"""Our rows against the platform's own total for the same window (platforms.md §10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from domain.order import Order
from domain.ports import NotFound, ShopConnector, Unreadable, Window
from domain.sync import ShopSync
from domain.sync_health import answered, may_try
from domain.sync_intake import SyncDesk, Taken, take_in
from domain.sync_read import Far, Outcome, Tally, change, guarded, read_long
from domain.sync_window import back

MAX_STRAYS = 200  # orders read one by one to explain a difference
MAX_ROWS = 100_000  # of one window


async def check_counts(desk: SyncDesk, far: Far, hours: int) -> Outcome:
    """Where the counts differ, the window is read again, and those that only we have in it one by one. What
    still differs then is written down as unsettled."""
    state = await desk.unit_of_work().sync.shop(far.code)
    if not far.shop.capabilities.pulls or not may_try(state, far.mark, desk.clock.now()):
        return Outcome(far.code, state, skipped=True)
    tally = Tally()
    return await guarded(desk, far, tally, _count(desk, far, hours, tally))


async def _count(desk: SyncDesk, far: Far, hours: int, tally: Tally) -> None:
    window = back(desk.clock.now(), hours, far.shop.capabilities)
    tally.windows += 1
    ours, theirs = await _both(desk, far.shop, window, 0)
    if theirs is not None and ours != theirs:
        tally.taken += await _explain(desk, far.shop, window)
        ours, theirs = await _both(desk, far.shop, window, len(tally.taken.held))
    now = desk.clock.now()
    if theirs is None:
        await change(desk, far.code, lambda old: answered(old, now))
        return
    counted = (ours, theirs)
    await change(desk, far.code, lambda old: _counted(old, counted, now))


def _counted(state: ShopSync, counted: tuple[int, int], now: datetime) -> ShopSync:
    ours, theirs = counted
    known = answered(state, now)
    return replace(known, counted_at=now, ours=ours, theirs=theirs, unsettled=ours != theirs)


async def _both(desk: SyncDesk, shop: ShopConnector, window: Window, held: int) -> tuple[int, int | None]:
    """Ours with what lies in quarantine, and theirs."""
    theirs = await shop.count_orders(window)
    ours = await desk.unit_of_work().sync.count_modified(shop.shop_code, window.start, window.end)
    return ours + held, theirs


async def _explain(desk: SyncDesk, shop: ShopConnector, window: Window) -> Taken:
    """Read all of it again; an order that only we have in the window has left it unseen: read it by its number."""
    seen: set[str] = set()
    taken = await read_long(desk, shop, window, seen)
    states = desk.unit_of_work().sync
    known = await states.modified_ids(shop.shop_code, window.start, window.end, MAX_ROWS)
    fresh: list[Order | Unreadable] = []
    for order_id in [order_id for order_id in known if order_id not in seen][:MAX_STRAYS]:
        try:
            fresh.append(await shop.get_order(order_id))
        except NotFound:
            continue  # the shop has taken it away: our copy stays, and the difference is told
    return taken + await take_in(desk, shop.shop_code, fresh)
