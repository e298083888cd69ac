"""Orders read again because their shop pushed, and quarantined orders read again because a person asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from bot.effects_types import EffectContext, EffectHandler, EffectRetry
from bot.logs import log
from domain.chat import Recipient
from domain.order import OrderKey
from domain.outbox import Effect, SendText
from domain.ports import NotFound, ShopError
from domain.sync import Held, PushState
from domain.sync_intake import SyncDesk, Taken, take_in
from domain.sync_push import READ
from jobs.sync import desk_of

TRIES = 3  # readings of a pushed order before the next pull has to bring it (platforms.md §11.7)
PATIENCE = 2  # tries while a person waits


async def push_read(context: EffectContext, effect: Effect, attempt: int) -> None:
    """Read the pushed order. What the push itself said is not believed."""
    shop, order_id = context.shops.get(effect.args["shop"]), effect.args["order"]
    state = PushState.LEFT
    desk = _desk(context)
    if shop is not None and not await _read_since(context, effect):
        try:
            fresh = await shop.get_order(order_id)
        except ShopError as error:
            if attempt < TRIES:
                wait = error.retry_after or float(max(1, shop.capabilities.lag_seconds))
                raise EffectRetry(str(error), wait) from error
            log.warning("a pushed order is left to the next pull", shop=shop.shop_code, error=str(error))
        else:
            await take_in(desk, shop.shop_code, [fresh], source=f"push:{shop.shop_code}")
            state = PushState.DONE
    elif shop is not None:
        state = PushState.DONE
    uow = context.unit_of_work()
    push = await uow.sync.push(effect.args["shop"], effect.args["key"])
    if push is not None:
        uow.sync.save_push(replace(push, state=state))
    context.finish(uow, {"outcome": state.value})
    await uow.commit()


async def _read_since(context: EffectContext, effect: Effect) -> bool:
    """A storm of pushes for one order needs one reading: any that began after this push had shown."""
    push = await context.unit_of_work().sync.push(effect.args["shop"], effect.args["key"])
    shop = context.shops[effect.args["shop"]]
    if push is None:
        return False
    known = await context.unit_of_work().orders.by_key(OrderKey(shop.shop_code, effect.args["order"]))
    shows = push.received_at + timedelta(seconds=shop.capabilities.lag_seconds)
    return known is not None and known.seen_at is not None and known.seen_at > shows


async def reprocess(context: EffectContext, effect: Effect, attempt: int) -> None:
    """Read a quarantined order at its shop again and say what became of it."""
    uow = context.unit_of_work()
    item = await uow.sync.held(effect.subject.id)
    text = "没有这张隔离单，可能已经处理了"
    if item is not None and item.state is not Held.OPEN:
        text = f"订单 {item.platform_order_id} 已经不在隔离区"
    elif item is not None and not item.platform_order_id:
        text = "这一行没有订单号，没法重读；请到店铺后台核对"
    elif item is not None:
        text = await _again(context, item.shop_code, item.platform_order_id, attempt)
    uow = context.unit_of_work()
    uow.send(SendText(Recipient.from_args(effect.args), text), key=f"{context.key}.answer")
    uow.touch(effect.subject)
    context.finish(uow, {"outcome": text})
    await uow.commit()


async def _again(context: EffectContext, shop_code: str, order_id: str, attempt: int) -> str:
    try:
        fresh = await context.shop(shop_code).get_order(order_id)
    except NotFound:
        return f"{context.scene.shop_name(shop_code)}没有订单 {order_id} 了，仍在隔离区"
    except ShopError as error:
        if attempt < PATIENCE:
            raise EffectRetry(str(error), 0.5) from error
        return f"订单 {order_id} 没能重读：{error}。仍在隔离区，请稍后再试"
    taken = await take_in(_desk(context), shop_code, [fresh])
    return await _verdict(context, shop_code, order_id, taken)


async def _verdict(context: EffectContext, shop_code: str, order_id: str, taken: Taken) -> str:
    item = await context.unit_of_work().sync.held_order(OrderKey(shop_code, order_id))
    if item is not None and item.state is Held.OPEN:
        where = "已入库，但" if item.warning else "仍在隔离区："
        return f"订单 {order_id} {where}{item.reason}"
    return f"订单 {order_id} 重新处理好了，已入库" + ("" if taken.stored else "（内容没有变化）")


def _desk(context: EffectContext) -> SyncDesk:
    return desk_of(context.job_context(context.trace_id))


EFFECTS: Mapping[str, EffectHandler] = {READ: push_read, "sync.reprocess": reprocess}
