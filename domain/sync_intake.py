"""Orders through the border into the pool, and what does not get past it into quarantine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.clock import Clock
from domain.intake import IntakeCount, OrderIntake
from domain.order import Order
from domain.ports import Conflict, UnitOfWork, Unreadable
from domain.sync import Held, Quarantined, quarantine_id, quarantine_subject, sync_subject
from domain.sync_border import refusal, warning
from domain.sync_policy import SyncPolicy

MAX_RAW = 100_000  # characters of a raw row that are kept: more tells nobody more
_TRIES = 5  # of a short change that others may make at the same time


@dataclass(frozen=True)
class SyncDesk:
    """All that taking orders in needs of the desk."""

    unit_of_work: Callable[[], UnitOfWork]
    intake: OrderIntake
    clock: Clock
    policy: SyncPolicy
    trace_id: str


@dataclass(frozen=True)
class Taken:
    """What became of what was read. `held`: the quarantine ids of rows that did not come in."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    held: frozenset[str] = frozenset()

    def __add__(self, other: Taken) -> Taken:
        return Taken(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.held | other.held,
        )

    @property
    def stored(self) -> int:
        return self.inserted + self.updated


async def take_in(
    desk: SyncDesk, shop_code: str, found: Sequence[Order | Unreadable], *, source: str = ""
) -> Taken:
    """Store what is good, hold what is not, clear from quarantine what has come good since.

    Safe to repeat. `source` is the audit's actor, `shop:<code>` unless another way is named.
    """
    now = desk.clock.now()
    good: list[Order] = []
    bad: dict[str, Quarantined] = {}
    for one in found:
        why = one.reason if isinstance(one, Unreadable) else refusal(one, shop_code, now)
        if isinstance(one, Order) and not why:
            good.append(one)
        if why or (isinstance(one, Order) and (why := warning(one))):
            item = _item(shop_code, one, why, now)
            bad[item.id] = item
    count = IntakeCount()
    if good:
        count = await desk.intake.store(good, source=source or f"shop:{shop_code}", trace_id=desk.trace_id)
    await _settle(desk, shop_code, good, bad)
    held = frozenset(item.id for item in bad.values() if not item.warning)
    return Taken(count.inserted, count.updated, count.unchanged, held)


def _item(shop_code: str, one: Order | Unreadable, why: str, now: datetime) -> Quarantined:
    if isinstance(one, Unreadable):
        return Quarantined(shop_code, one.platform_order_id, why, one.raw[:MAX_RAW], now, now)
    comes_in = not refusal(one, shop_code, now)
    raw = "" if comes_in else one.raw[:MAX_RAW]
    return Quarantined(shop_code, one.key.platform_order_id, why, raw, now, now, warning=comes_in)


async def _settle(desk: SyncDesk, shop_code: str, good: Sequence[Order], bad: dict[str, Quarantined]) -> None:
    """Write the quarantine's changes; somebody else may settle the same order at the same time."""
    for attempt in range(1, _TRIES + 1):
        uow = desk.unit_of_work()
        held = await uow.sync.held_ids(shop_code)
        came_good = [o for o in good if o.key.platform_order_id in held]
        came_good = [o for o in came_good if quarantine_id(shop_code, o.key.platform_order_id) not in bad]
        if not bad and not came_good:
            return
        for item in bad.values():
            await hold(uow, item)
        for order in came_good:
            await clear(uow, shop_code, order.key.platform_order_id, "同步", desk.clock.now())
        uow.touch(sync_subject())
        uow.touch(sync_subject(shop_code))
        try:
            await uow.commit()
        except Conflict:
            if attempt == _TRIES:
                raise
            continue
        return


async def hold(uow: UnitOfWork, item: Quarantined) -> None:
    """Into quarantine, or once more when it is there; one that a person closed stays closed while its reason
    is the same."""
    known = await uow.sync.held(item.id)
    if known is None:
        uow.sync.hold(item)
        return
    if known.state is Held.CLOSED and known.reason == item.reason:
        return
    uow.sync.hold(
        replace(
            item,
            first_seen=known.first_seen if known.state is Held.OPEN else item.first_seen,
            tries=known.tries + 1,
            revision=known.revision,
        )
    )
    uow.touch(quarantine_subject(item.id))


async def clear(uow: UnitOfWork, shop_code: str, order_id: str, who: str, now: datetime) -> None:
    """Out of quarantine: the order has come in good."""
    known = await uow.sync.held(quarantine_id(shop_code, order_id))
    if known is not None and known.state is Held.OPEN:
        uow.sync.hold(replace(known, state=Held.CLEARED, settled_at=now, settled_by=who, raw=""))
        uow.touch(quarantine_subject(known.id))
