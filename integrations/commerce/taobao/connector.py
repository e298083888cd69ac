"""One Taobao or Tmall shop behind the domain's ShopConnector port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import structlog

from domain.clock import Clock
from domain.money import Money
from domain.order import Order, ShopRefund
from domain.ports import ActionResult, NotFound, Rejected, ShopCapabilities, Window
from integrations.commerce.taobao import paging
from integrations.commerce.taobao.agreeing import agree, read_refund
from integrations.commerce.taobao.client import TopClient
from integrations.commerce.taobao.inviting import invite
from integrations.commerce.taobao.mapping import ShopContext, refund_ids, to_order, to_refund
from integrations.commerce.taobao.settings import TaobaoSettings

log = structlog.get_logger(__name__)

CAPABILITIES = ShopCapabilities(
    refund="agree",
    page_order="last_first",
    max_window_seconds=int(paging.MAX_WINDOW.total_seconds()),
    page_size=paging.PAGE_SIZE,
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
        self.capabilities = CAPABILITIES
        self._tmall = settings.tmall
        self._longest = min(timedelta(minutes=settings.window_minutes), paging.LONGEST_WINDOW)
        self._client = client
        self._clock = clock
        self._context = ShopContext(shop_code, settings.region, settings.warehouse)

    async def iter_orders(self, window: Window) -> AsyncIterator[Order]:
        """Orders modified in the window with their refunds, oldest part first; one may come twice."""
        for part in paging.split(window, self._longest):
            async for trade in paging.walk(self._client, part, ORDER_FIELDS):
                order = await self._readable(trade)
                if order is not None:
                    yield order

    async def _readable(self, trade: Mapping[str, Any]) -> Order | None:
        """One order that cannot be read is logged and must not hold up the others."""
        try:
            return await self._whole(trade)
        except ValueError as error:
            log.error("taobao.unreadable_trade", shop=self.shop_code, tid=trade.get("tid"), why=str(error))
            return None

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
