"""From the feed of changed orders to every `ON_ORDER` of `jobs/`: together, and one by one where something fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.logs import log
from cards.scene import Scene
from domain.audit import AuditEntry
from domain.clock import shanghai
from domain.outbox import SendText
from domain.ports import Conflict, UnitOfWork
from domain.refund_request import order_subject
from domain.staff import Role
from domain.watching import OrderChange
from jobs.registry import JobContext, OrderRule
from storage.errors import StorageUnavailable

MOST = 200  # orders of one piece
TRIES = 5  # of one rule on one order, before the order's change is set aside
CONFLICTS = 5  # in a row; then the orders are taken one by one
REST = (0.5, 2.0, 5.0, 15.0)  # seconds after the first, second … failure of an order


@dataclass
class _Failing:
    tries: int
    again_at: float  # loop time


class OrderFeed:
    """`rules` by the name of their module. What one of them does wrong with one order holds up neither the other
    orders nor the other rules; nothing is taken off the feed before every rule has seen it, or was given up."""

    def __init__(self, context: Callable[[], JobContext], rules: Mapping[str, OrderRule]) -> None:
        self._context = context
        self._rules = rules
        self._failing: dict[tuple[int, str], _Failing] = {}
        self._conflicts = 0

    async def piece(self) -> int:
        """Look at the oldest changes; how many orders were settled. Raises StorageUnavailable."""
        ctx = self._context()
        resting = self._resting()
        changes = await ctx.unit_of_work().changes.take(MOST + len(resting))
        fresh = [change for change in changes if change.order_id not in resting][:MOST]
        if not fresh:
            return 0
        if self._conflicts >= CONFLICTS or any(self._known_to_fail(change) for change in fresh):
            return await self._singly(ctx, fresh)
        try:
            await self._together(ctx, fresh)
        except (StorageUnavailable, asyncio.CancelledError):
            raise
        except Conflict as conflict:
            self._conflicts += 1
            log.info("somebody was first, looking at the orders again", conflict=str(conflict))
        except Exception:  # noqa: BLE001 - a rule's bug: logged, and the orders are tried one by one
            log.exception("a rule failed on changed orders", orders=len(fresh))
            return await self._singly(ctx, fresh)
        else:
            self._conflicts = 0
        return len(fresh)

    async def _together(self, ctx: JobContext, changes: Sequence[OrderChange]) -> None:
        uow = ctx.unit_of_work()
        orders = await uow.orders.get_many([change.order_id for change in changes])
        for rule in self._rules.values():
            await rule(ctx, uow, orders)
        uow.changes.done(changes)
        await uow.commit()

    async def _singly(self, ctx: JobContext, changes: Sequence[OrderChange]) -> int:
        self._conflicts = 0
        settled = 0
        for change in changes:
            passed = [await self._one(ctx, name, change) for name in self._rules]
            if not all(passed):
                continue
            uow = ctx.unit_of_work()
            uow.changes.done([change])
            await uow.commit()
            settled += 1
            for name in self._rules:
                self._failing.pop((change.order_id, name), None)
        return settled

    async def _one(self, ctx: JobContext, name: str, change: OrderChange) -> bool:
        """One rule on one order, in a unit of work of its own; whether it need not be tried again."""
        uow = ctx.unit_of_work()
        try:
            orders = await uow.orders.get_many([change.order_id])
            await self._rules[name](ctx, uow, orders)
            await uow.commit()
        except (StorageUnavailable, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - counted, and after some tries set aside for a person
            log.exception("a rule failed on an order", rule=name, order=change.order_id)
            return await self._failed(ctx, name, change, error)
        return True

    async def _failed(self, ctx: JobContext, name: str, change: OrderChange, error: Exception) -> bool:
        key = (change.order_id, name)
        known = self._failing.get(key)
        tries = known.tries + 1 if known else 1
        if tries < TRIES:
            rest = REST[min(tries, len(REST)) - 1]
            self._failing[key] = _Failing(tries, asyncio.get_running_loop().time() + rest)
            return False
        uow = ctx.unit_of_work()
        _set_aside(uow, ctx.scene, name, change, error)
        await uow.commit()
        log.error("an order was set aside", rule=name, order=change.order_id, tries=tries)
        return True

    def _resting(self) -> frozenset[int]:
        now = asyncio.get_running_loop().time()
        return frozenset(order_id for (order_id, _), f in self._failing.items() if f.again_at > now)

    def _known_to_fail(self, change: OrderChange) -> bool:
        return any((change.order_id, name) in self._failing for name in self._rules)


def _set_aside(uow: UnitOfWork, scene: Scene, name: str, change: OrderChange, error: Exception) -> None:
    """Into the audit, and to the administrators, once a day for each rule. The order's next change is looked at
    again."""
    now = scene.clock.now()
    what = f"{type(error).__name__}: {error}"[:300]
    subject = order_subject(change.order_id)
    details: dict[str, object] = {"rule": name, "error": what, "changed_at": change.at.isoformat()}
    uow.audit(AuditEntry(now, "system", "watching", "order.set_aside", subject, uow.trace_id, details))
    text = (
        f"规则 {name} 处理不了订单（内部号 {change.order_id}）：{what[:120]}\n"
        f"已放到一边，其他订单不受影响；今天同一规则只提醒这一次。可发 追踪 {uow.trace_id[:8]}"
    )
    key = f"notice.aside.{name}.{shanghai(now):%Y%m%d}"
    for to in scene.people_of(scene.directory.with_roles(frozenset({Role.ADMIN}))):
        uow.send(SendText(to, text), key=f"{key}.{to.account}")
