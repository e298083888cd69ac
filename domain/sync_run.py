"""One shop's pull: windows one after the other, the cursor only over those that were read to the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from domain.ports import AuthExpired, PermissionMissing
from domain.sync import ShopSync
from domain.sync_health import answered, failures_last_hour, may_try, read_up_to
from domain.sync_held import ask_again
from domain.sync_intake import SyncDesk
from domain.sync_read import Far, Outcome, Tally, change, guarded, read_long, read_window
from domain.sync_window import back, next_window


async def sync_shop(desk: SyncDesk, far: Far, *, force: bool = False) -> Outcome:
    """Read on from the cursor until caught up, or until this run has read its share. `force`: also while the
    shop rests or is paused, because a person asks."""
    state = await desk.unit_of_work().sync.shop(far.code)
    if not far.shop.capabilities.pulls or not (force or may_try(state, far.mark, desk.clock.now())):
        return Outcome(far.code, state, skipped=True)
    tally = Tally()
    return await guarded(desk, far, tally, _forward(desk, far, state, tally))


async def _forward(desk: SyncDesk, far: Far, state: ShopSync, tally: Tally) -> None:
    code, caps = far.code, far.shop.capabilities
    while tally.windows < desk.policy.windows_per_run:
        now = desk.clock.now()
        window = next_window(state.cursor, now, caps, first_days=desk.policy.first_days)
        if window is None:
            return
        tally.taken += await read_window(desk, far.shop, window)
        # After the rows, never before: a crash in between only reads the window again.
        state = await change(desk, code, _moved(window.end, desk.clock.now()))
        tally.windows += 1


def _moved(end: datetime, now: datetime) -> Callable[[ShopSync], ShopSync]:
    return lambda old: read_up_to(old, end, now)


async def reread(desk: SyncDesk, far: Far, hours: int) -> Outcome:
    """The second look: the last hours once more, whatever the cursor says. Does not move it."""
    state = await desk.unit_of_work().sync.shop(far.code)
    if not far.shop.capabilities.pulls or not may_try(state, far.mark, desk.clock.now()):
        return Outcome(far.code, state, skipped=True)
    tally = Tally()
    return await guarded(desk, far, tally, _look_back(desk, far, hours, tally))


async def _look_back(desk: SyncDesk, far: Far, hours: int, tally: Tally) -> None:
    window = back(desk.clock.now(), hours, far.shop.capabilities)
    tally.taken += await read_long(desk, far.shop, window)
    tally.taken += await ask_again(desk, far.shop)
    tally.windows += 1
    await change(desk, far.code, lambda old: answered(old, desk.clock.now()))


def trouble(outcome: Outcome, desk: SyncDesk) -> str:
    """What about this outcome is told to people: auth | failures | ""."""
    if isinstance(outcome.error, AuthExpired | PermissionMissing):
        return "auth"
    often = failures_last_hour(outcome.state, desk.clock.now()) > desk.policy.tell_above
    return "failures" if outcome.fault and often else ""
