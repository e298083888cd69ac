"""Orders read at the shop because a person asked."""

from __future__ import annotations

from collections.abc import Mapping

from bot.effects_types import EffectContext, EffectHandler, EffectRefused, EffectRetry
from bot.logs import log
from cards.scene import day_time
from cards.words import words
from domain.chat import Recipient
from domain.order import Order
from domain.order_refresh import store_copy
from domain.outbox import Effect, RefreshCard, SendCard, SendText
from domain.ports import NotFound, ShopError
from domain.refund_request import order_subject

PATIENCE = 2  # tries of a look-up a person waits for, before the last known state has to do


async def order_fetch(context: EffectContext, effect: Effect, attempt: int) -> None:
    """Read one known order again; when the shop does not answer, say how old the known state is."""
    uow = context.unit_of_work()
    order = await uow.orders.get(int(effect.subject.id))
    if order is None:
        raise EffectRefused(f"no order {effect.subject.id}")
    note, shop = "", context.shop(order.key.shop_code)
    try:
        if not shop.capabilities.pulls:
            raise NotFound(f"shop {shop.shop_code} has no orders to ask for")
        fresh = await shop.get_order(order.key.platform_order_id)
    except ShopError as error:
        if attempt < PATIENCE and shop.capabilities.pulls:
            raise EffectRetry(str(error), 0.5) from error
        note = _stale_words(context, order, pulls=shop.capabilities.pulls)
        log.warning("an order could not be read again", order=str(order.key), error=str(error))
    else:
        await store_copy(uow, fresh, context.clock.now())
    if effect.args:  # a person tapped a card and waits for a sign
        if note:
            uow.send(SendText(Recipient.from_args(effect.args), note))
        uow.send(RefreshCard(effect.args["card"], force=True), key=f"{context.key}.redraw")
    context.finish(uow, {"outcome": "stale" if note else "fresh"})
    await uow.commit()


async def order_find(context: EffectContext, effect: Effect, attempt: int) -> None:
    """Ask every connected shop about a number the desk does not know; show the order or say where we looked."""
    number, to = effect.subject.id, Recipient.from_args(effect.args)
    silent: list[str] = []
    for code, shop in context.shops.items():
        try:
            found = await shop.get_order(number)
        except NotFound:
            continue
        except ShopError as error:
            if attempt < PATIENCE:
                raise EffectRetry(str(error), 0.5) from error
            silent.append(context.scene.shop_name(code))
            log.warning("a shop could not be asked", shop=code, error=str(error))
            continue
        await _show_found(context, found, to)
        return
    uow = context.unit_of_work()
    asked = [context.scene.shop_name(code) for code in context.shops]
    text = words("not_found", text=effect.args["query"], looked=[effect.args["looked"]], shops=asked)
    if silent:
        text += f"\n{'、'.join(silent)}暂时连不上，没问到，请稍后再查。"
    uow.send(SendText(to, text))
    context.finish(uow, {"outcome": "not found"})
    await uow.commit()


async def _show_found(context: EffectContext, found: Order, to: Recipient) -> None:
    uow = context.unit_of_work()
    await store_copy(uow, found, context.clock.now())
    await uow.commit()
    # A second unit of work: only a committed order has the id its card is about.
    uow = context.unit_of_work()
    order = await uow.orders.by_key(found.key)
    assert order is not None
    uow.send(SendCard(to, order_subject(order.id)), key=f"{context.key}.card")
    context.finish(uow, {"outcome": "found", "order": str(found.key)})
    await uow.commit()


def _stale_words(context: EffectContext, order: Order, *, pulls: bool) -> str:
    known = day_time(order.seen_at or order.modified_at or order.created_at, context.clock.now())
    if not pulls:
        return (
            f"{context.scene.shop_name(order.key.shop_code)}只推送订单，不能去问；卡片是 {known} 收到的状态"
        )
    return f"{context.scene.shop_name(order.key.shop_code)}暂时连不上，卡片是 {known} 的状态，请稍后再刷新"


EFFECTS: Mapping[str, EffectHandler] = {"order.fetch": order_fetch, "order.find": order_find}
