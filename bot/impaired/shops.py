"""Shops that do not answer or whose authorisation ended, as the pull knows them (domain/sync_health.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.impairment import Fault
from cards.scene import day_time

if TYPE_CHECKING:
    from bot.compose import Desk

FAILURES = 2  # in a row; one may be chance


async def look(desk: Desk) -> Sequence[Fault]:
    """The pull tells its people itself (jobs/sync.py), so nobody is told again."""
    now, faults = desk.clock.now(), []
    for state in await desk.db.unit_of_work("state").sync.shops():
        if state.shop_code not in desk.shops or (state.failures < FAILURES and not state.paused):
            continue
        upto = f"数据到 {day_time(state.cursor, now)}" if state.cursor else "还没有数据"
        faults.append(
            Fault(
                f"shop:{state.shop_code}",
                f"{desk.scene.shop_name(state.shop_code)}{'授权失效' if state.paused else '连不上'}",
                state.last_error,
                f"查单给出最后知道的状态和时间（{upto}）；批准的退款等店铺恢复后执行，只付一次",
                state.succeeded_at,
                tell=False,
            )
        )
    return faults


LOOK = look
