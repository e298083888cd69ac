"""Reading a shop's window into the pool, and changing the shop's state one step at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from domain.order import Order
from domain.ports import Conflict, ShopConnector, ShopError, Unreadable, Window
from domain.sync import ShopSync, sync_subject
from domain.sync_health import failed
from domain.sync_intake import SyncDesk, Taken, take_in
from domain.sync_window import parts

BATCH = 500  # orders stored at a time while a window is being read
_TRIES = 20  # every lost one means that somebody else went on


@dataclass(frozen=True)
class Far:
    """A shop to pull. `mark` tells its settings from others (ShopInfo.settings_mark)."""

    shop: ShopConnector
    mark: str = ""

    @property
    def code(self) -> str:
        return self.shop.shop_code


@dataclass
class Tally:
    """What a run has done so far; it counts also when the run breaks off."""

    taken: Taken = field(default_factory=Taken)
    windows: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a run did for one shop. `skipped`: it rests, waits or is paused. `bug`: a fault of our own."""

    shop_code: str
    state: ShopSync
    taken: Taken = field(default_factory=Taken)
    windows: int = 0
    skipped: bool = False
    error: ShopError | None = None
    bug: Exception | None = None

    @property
    def fault(self) -> Exception | None:
        return self.error or self.bug


async def read_window(
    desk: SyncDesk, shop: ShopConnector, window: Window, seen: set[str] | None = None
) -> Taken:
    """Every order of one window into the pool. Returns only when every page was read; a ShopError before
    leaves what was stored so far, which the next reading finds unchanged. `seen` collects the order ids."""
    taken = Taken()
    batch: list[Order | Unreadable] = []
    async for found in shop.iter_orders(window):
        batch.append(found)
        if seen is not None:
            seen.add(
                found.platform_order_id if isinstance(found, Unreadable) else found.key.platform_order_id
            )
        if len(batch) >= BATCH:
            taken += await take_in(desk, shop.shop_code, batch)
            batch = []
    return taken + await take_in(desk, shop.shop_code, batch)


async def read_long(
    desk: SyncDesk, shop: ShopConnector, window: Window, seen: set[str] | None = None
) -> Taken:
    """A stretch that may be longer than the platform allows at once."""
    taken = Taken()
    for part in parts(window, shop.capabilities):
        taken += await read_window(desk, shop, part, seen)
    return taken


async def guarded(desk: SyncDesk, far: Far, tally: Tally, work: Awaitable[Any]) -> Outcome:
    """Run it, and write a failure into the shop's state. A fault of our own is handed back, not raised: one
    shop's must not stop the others."""
    error: ShopError | None = None
    bug: Exception | None = None
    try:
        await work
    except ShopError as refused:
        error = refused
    except Exception as fault:  # noqa: BLE001 - handed back to the job, which fails with it at its end
        bug = fault
    if (why := error or bug) is not None:
        now = desk.clock.now()
        await change(desk, far.code, lambda old: failed(old, why, far.mark, now, desk.policy))
    state = await desk.unit_of_work().sync.shop(far.code)
    return Outcome(far.code, state, tally.taken, tally.windows, error=error, bug=bug)


async def change(desk: SyncDesk, shop_code: str, step: Callable[[ShopSync], ShopSync]) -> ShopSync:
    """Bring a shop's state one step on; others may do so at the same time. A step that hands back what it was
    given changes nothing."""
    for attempt in range(1, _TRIES + 1):
        uow = desk.unit_of_work()
        old = await uow.sync.shop(shop_code)
        new = step(old)
        if new is old:
            return old
        uow.sync.save_shop(new)
        if (old.resting, old.paused, old.unsettled) != (new.resting, new.paused, new.unsettled):
            uow.touch(sync_subject())
            uow.touch(sync_subject(shop_code))
        try:
            await uow.commit()
        except Conflict:
            if attempt == _TRIES:
                raise
            continue
        return replace(new, revision=new.revision + 1)
    raise AssertionError("the last try returns or raises")
