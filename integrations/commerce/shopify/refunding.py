"""Starting a refund so that it is paid once, whatever breaks on the way (platforms.md §11.12, §11.13).

Three things keep it single: the desk's number stands in the refund's note, and the shop is asked for it before
and after every try; the request carries the platform's own idempotency key, made from that number; an answer
that is lost is RemoteUnknown, never a repeat.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.money import Money
from domain.order import MoneyState
from domain.ports import ActionResult, NotFound, Rejected, RemoteUnknown, ShopError
from integrations.commerce.shopify import queries
from integrations.commerce.shopify.client import ShopifyClient
from integrations.commerce.shopify.formats import legacy_id, order_gid, rows, shop_money
from integrations.commerce.shopify.states import refund_state

MAX_REASON = 120
_KEYS = uuid.UUID("5d0e7d0c-6a5f-5c1d-9a52-7b1f5b2f3c11")  # a namespace of our own, made once
_MONEY_IN = ("SALE", "CAPTURE")
_NOT_MOVED = ("FAILURE", "ERROR")


def note_text(key: str, reason: str) -> str:
    """`前哨 编号RF… 少件`: what the shop's staff read, and what we find the refund by."""
    plain = re.sub(r"\s+", " ", reason).strip()[:MAX_REASON]
    return f"前哨 编号{key} {plain}".strip()


def has_key(note: str, key: str) -> bool:
    return re.search(rf"编号{re.escape(key)}(?![0-9A-Za-z])", note) is not None


def idempotency_key(order_id: str, key: str) -> str:
    """The same UUID for the same refund of the same order, for ever."""
    return str(uuid.uuid5(_KEYS, f"{order_id}/{key}"))


@dataclass(frozen=True)
class Part:
    """A sum that goes back through one payment of the buyer's."""

    parent_id: str
    gateway: str
    amount: Money


async def create(
    client: ShopifyClient, order_id: str, amount: Money, *, key: str, reason: str
) -> ActionResult:
    """Ask, check, create once, believe only the refund's own transactions."""
    order = await _read(client, order_id)
    if (standing := _standing(order, key)) is not None:
        return standing
    if why := refusal(order, amount):
        return ActionResult("rejected", why)
    parts = allocate(order, amount)
    if sum(part.amount.minor for part in parts) != amount.minor:
        return ActionResult("rejected", "Shopify 上这张订单的付款不能原路退这么多：请在 Shopify 后台退款")
    try:
        answer = await client.query(
            queries.REFUND_CREATE,
            {
                "input": _input(order, parts, note_text(key, reason)),
                "key": idempotency_key(order_id, key),
            },
            once=True,
        )
    except Rejected as refused:
        return await _after_refusal(client, order_id, key, str(refused))
    return await _read_answer(client, order_id, key, answer)


async def _read(client: ShopifyClient, order_id: str) -> dict[str, Any]:
    order = (await client.query(queries.MONEY_OF_ORDER, {"id": order_gid(order_id)})).get("order")
    if not isinstance(order, dict):
        raise NotFound(f"Shopify 没有订单 {order_id}")
    return order


def _standing(order: Mapping[str, Any], key: str) -> ActionResult | None:
    """What became of this very refund, when the shop already has it."""
    mine = [refund for refund in rows(order.get("refunds")) if has_key(str(refund.get("note") or ""), key)]
    return _outcome(mine[0], "already_done") if mine else None


def _outcome(refund: Mapping[str, Any], done: str) -> ActionResult:
    _, money = refund_state(rows(refund.get("transactions")))
    reference = legacy_id(refund.get("id"))
    if money is MoneyState.SUCCESS:
        words = "Shopify 已退款" if done == "done" else "Shopify 上这笔退款已经完成"
        return ActionResult("done" if done == "done" else "already_done", words, reference)
    if money is MoneyState.FAILED:
        return ActionResult(
            "rejected", f"Shopify 退款 {reference} 被支付渠道拒绝：请在 Shopify 后台查看", reference
        )
    raise RemoteUnknown(f"Shopify 退款 {reference} 正在等支付渠道，等它有结果再核对")


def refusal(order: Mapping[str, Any], amount: Money) -> str:
    """Why this sum cannot go back, in words for people; empty when it can."""
    currency = str(order.get("currencyCode") or "")
    if amount.minor <= 0:
        return "退款金额要大于 0"
    if amount.currency != currency:
        return f"Shopify 这张订单是 {currency}，请按 {currency} 退款"
    if order.get("presentmentCurrencyCode") not in (None, currency):
        shown = order["presentmentCurrencyCode"]
        return f"买家用 {shown} 付款，金额要按 {shown} 折算：请在 Shopify 后台退款"
    received = shop_money(order.get("totalReceivedSet"), currency)
    left = received - going_back(order, currency)
    return f"Shopify 上最多还能退 {left}（收款 {received}）" if amount > left else ""


def going_back(order: Mapping[str, Any], currency: str) -> Money:
    """Money already back or on its way back. A failed attempt does not count."""
    return Money(
        sum(
            shop_money(row.get("amountSet"), currency).minor
            for row in rows(order.get("transactions"))
            if row.get("kind") == "REFUND" and row.get("status") not in _NOT_MOVED
        ),
        currency,
    )


def allocate(order: Mapping[str, Any], amount: Money) -> tuple[Part, ...]:
    """Spread the sum over the buyer's payments, oldest first, none beyond what it still holds."""
    transactions = rows(order.get("transactions"))
    parts: list[Part] = []
    open_sum = amount.minor
    for payment in transactions:
        if payment.get("kind") not in _MONEY_IN or payment.get("status") != "SUCCESS":
            continue
        held = shop_money(payment.get("amountSet"), amount.currency).minor - _returned(
            payment, transactions, amount
        )
        taken = min(open_sum, max(0, held))
        if taken:
            part = Money(taken, amount.currency)
            parts.append(Part(str(payment["id"]), str(payment.get("gateway") or ""), part))
            open_sum -= taken
    return tuple(parts)


def _returned(payment: Mapping[str, Any], transactions: Sequence[Mapping[str, Any]], like: Money) -> int:
    return sum(
        shop_money(row.get("amountSet"), like.currency).minor
        for row in transactions
        if row.get("kind") == "REFUND"
        and row.get("status") not in _NOT_MOVED
        and (row.get("parentTransaction") or {}).get("id") == payment["id"]
    )


def _input(order: Mapping[str, Any], parts: Sequence[Part], note: str) -> dict[str, Any]:
    """No line items: money only, stock stays as it is. The buyer is told by the desk's own people."""
    return {
        "orderId": order["id"],
        "note": note,
        "notify": False,
        "transactions": [
            {
                "orderId": order["id"],
                "parentId": part.parent_id,
                "gateway": part.gateway,
                "kind": "REFUND",
                "amount": part.amount.plain(),
            }
            for part in parts
        ],
    }


async def _read_answer(
    client: ShopifyClient, order_id: str, key: str, answer: Mapping[str, Any]
) -> ActionResult:
    payload = answer.get("refundCreate") or {}
    refund = payload.get("refund")
    if isinstance(refund, dict):
        return _outcome(refund, "done")
    said = "；".join(str(row.get("message")) for row in rows(payload.get("userErrors")))
    if not said:
        raise RemoteUnknown("Shopify 没有说退款成没成，结果未知")
    return await _after_refusal(client, order_id, key, f"Shopify 没有退款：{said}")


async def _after_refusal(client: ShopifyClient, order_id: str, key: str, why: str) -> ActionResult:
    """A refusal of a repeat may mean that the first one came through: the shop's books decide."""
    try:
        order = await _read(client, order_id)
    except ShopError as error:
        raise RemoteUnknown(f"{why}，还没核对 Shopify 上有没有这笔退款") from error
    return _standing(order, key) or ActionResult("rejected", why)
