"""One Taobao or Tmall shop behind the domain's ShopConnector port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from domain.clock import Clock
from domain.money import Money
from domain.order import Order, ShopRefund
from domain.ports import (
    ActionResult,
    BadSignature,
    NotFound,
    PushAnswer,
    PushEvent,
    Rejected,
    ShopCapabilities,
    Unreadable,
    Window,
)
from integrations.commerce.taobao import paging
from integrations.commerce.taobao.agreeing import agree, read_refund
from integrations.commerce.taobao.client import TopClient
from integrations.commerce.taobao.formats import identifier
from integrations.commerce.taobao.inviting import invite
from integrations.commerce.taobao.mapping import ShopContext, refund_ids, to_order, to_refund
from integrations.commerce.taobao.settings import TaobaoSettings

CAPABILITIES = ShopCapabilities(
    refund="agree",
    page_order="last_first",
    max_window_seconds=int(paging.MAX_WINDOW.total_seconds()),
    page_size=paging.PAGE_SIZE,
    push_kind="none",
    overlap_seconds=120,
    lag_seconds=30,
    history_days=90,
)
ORDER_FIELDS = (
    "tid,type,status,payment,total_fee,discount_fee,post_fee,received_payment,created,pay_time,modified,"
    "consign_time,end_time,est_con_time,buyer_open_uid,buyer_nick,oaid,receiver_name,receiver_mobile,"
    "receiver_state,receiver_city,receiver_district,receiver_town,receiver_address,receiver_zip,"
    "seller_flag,seller_memo,buyer_message,has_buyer_message,orders"
)


class TaobaoConnector:
    """A seller cannot start a refund on TOP: `invite_refund` leaves word, the buyer applies, we agree."""

    platform = "taobao"

    def __init__(self, shop_code: str, settings: TaobaoSettings, client: TopClient, clock: Clock) -> None:
        self.shop_code = shop_code
        self.name = settings.name or shop_code
        self._tmall = settings.tmall
        self._longest = min(timedelta(minutes=settings.window_minutes), paging.LONGEST_WINDOW)
        self.capabilities = replace(CAPABILITIES, max_window_seconds=int(self._longest.total_seconds()))
        self._client = client
        self._clock = clock
        self._context = ShopContext(shop_code, settings.region, settings.warehouse)

    async def iter_orders(self, window: Window) -> AsyncIterator[Order | Unreadable]:
        """Orders modified in the window with their refunds, oldest part first; one may come twice."""
        for part in paging.split(window, self._longest):
            async for trade in paging.walk(self._client, part, ORDER_FIELDS):
                yield await self._readable(trade)

    async def _readable(self, trade: Mapping[str, Any]) -> Order | Unreadable:
        """One order that cannot be read must not hold up the others."""
        try:
            return await self._whole(trade)
        except (ValueError, TypeError, LookupError, AttributeError, NotFound, Rejected) as error:
            raw = orjson.dumps(trade).decode()
            return Unreadable(identifier(trade, "tid"), raw, f"看不懂淘宝的订单：{error}")

    async def count_orders(self, window: Window) -> int | None:
        """A trade stands in the list once, at its last change, so the parts of a window add up."""
        total = 0
        for part in paging.split(window, self._longest):
            total += await paging.count(self._client, part)
        return total

    def verify_push(self, _headers: Mapping[str, str], _body: bytes, _url: str, /) -> Sequence[PushEvent]:
        """TOP pushes through its own message channel, not by HTTP: whatever comes this way is not from it."""
        raise BadSignature("淘宝不通过 HTTP 推送")

    def push_answer(self, ok: bool, /) -> PushAnswer:
        return (200, b"", "text/plain") if ok else (503, b"", "text/plain")

    async def get_order(self, platform_order_id: str) -> Order:
        args = {"fields": ORDER_FIELDS, "tid": platform_order_id, "include_oaid": "true"}
        answer = await self._client.call("taobao.trade.fullinfo.get", args)
        trade = answer.get("trade")
        if not trade:
            raise NotFound(f"淘宝没有订单 {platform_order_id}")
        try:
            return await self._whole(trade)
        except ValueError as error:
            raise Rejected(f"看不懂淘宝的订单 {platform_order_id}：{error}") from error

    async def _whole(self, trade: Mapping[str, Any]) -> Order:
        """The trade's sub-orders name their refunds; amounts and versions stand in the refunds only."""
        refunds = [await read_refund(self._client, refund_id) for refund_id in refund_ids(trade)]
        return to_order(trade, refunds, self._context, self._clock.now())

    async def get_refund(self, platform_refund_id: str) -> ShopRefund:
        return to_refund(await read_refund(self._client, platform_refund_id))

    async def agree_refund(self, platform_refund_id: str, amount: Money, *, key: str) -> ActionResult:
        """`done` and `already_done` only when the shop itself says that the money has gone back."""
        return await agree(self._client, platform_refund_id, amount, tmall=self._tmall, key=key)

    async def invite_refund(self, platform_order_id: str, amount: Money, *, key: str, reason: str) -> None:
        await invite(self._client, platform_order_id, amount, key=key, reason=reason)

    async def close(self) -> None:
        """Nothing is held open: the HTTP session belongs to the server."""
