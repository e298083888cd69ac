"""Refunds at the shop."""

from __future__ import annotations

from collections.abc import Mapping

from bot.effects_types import EffectContext, EffectHandler, EffectRefused, EffectRetry
from domain.outbox import Effect
from domain.ports import ShopError
from domain.refund_execution import Execution, execute_refund


async def refund_execute(context: EffectContext, effect: Effect, attempt: int) -> None:
    """Carry an approved refund out. Safe to repeat at any point (domain/refund_execution.py)."""
    refund = await context.unit_of_work().refunds.get(effect.subject.id)
    if refund is None:
        raise EffectRefused(f"no refund {effect.subject.id}")
    shop = context.shop(refund.order_key.shop_code)
    job = Execution(
        number=refund.number,
        shop=shop,
        open_work=context.unit_of_work,
        now=context.clock.now,
        finish=context.finish,
        tell=lambda uow, waiting, text: context.tell(uow, waiting.requester, text),
        attempt=attempt,
    )
    try:
        again = await execute_refund(job)
    except ShopError as error:
        raise EffectRetry(str(error), error.retry_after) from error
    if again is not None:
        raise EffectRetry(again.why, again.seconds)


EFFECTS: Mapping[str, EffectHandler] = {"refund.execute": refund_execute}
