"""One Shopify shop behind the domain's ShopConnector port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from domain.clock import Clock
from domain.money import Money
from domain.order import Order, ShopRefund
from domain.ports import (
    ActionResult,
    NotFound,
    PushAnswer,
    PushEvent,
    Rejected,
    ShopCapabilities,
    Unreadable,
    Window,
)
from integrations.commerce.shopify import listing, queries, refunding
from integrations.commerce.shopify.client import ShopifyClient
from integrations.commerce.shopify.formats import legacy_id
from integrations.commerce.shopify.mapping import ShopContext, to_order, to_refund
from integrations.commerce.shopify.pushes import read_push
from integrations.commerce.shopify.settings import MAX_PAGE, SHORT_HISTORY_DAYS, ShopifySettings

CAPABILITIES = ShopCapabilities(
    refund="create",
    page_order="ascending",
    max_window_seconds=24 * 3600,
    page_size=MAX_PAGE,
    push_kind="signed_webhook",
    overlap_seconds=120,
    lag_seconds=30,
    history_days=SHORT_HISTORY_DAYS,
)


class ShopifyConnector:
    """The seller starts refunds here: `create_refund` does what agreeing does elsewhere."""

    platform = "shopify"

    def __init__(
        self, shop_code: str, settings: ShopifySettings, client: ShopifyClient, clock: Clock
    ) -> None:
        self.shop_code = shop_code
        self.name = settings.name or shop_code
        self.capabilities = replace(
            CAPABILITIES,
            max_window_seconds=settings.window_hours * 3600,
            page_size=settings.page_size,
            push_kind="signed_webhook" if settings.client_secret else "none",
            history_days=settings.history_days,
        )
        self._settings = settings
        self._client = client
        self._clock = clock
        self._context = ShopContext(shop_code, settings.region, settings.warehouse)

    async def iter_orders(self, window: Window) -> AsyncIterator[Order | Unreadable]:
        """Orders changed in the window, in order of change, with their refunds and parcels."""
        walk = listing.walk(
            self._client,
            window,
            page_size=self._settings.page_size,
            per_call=self._settings.orders_per_call,
            customer_data=self._settings.customer_data,
        )
        async for node in walk:
            yield self._readable(node)

    def _readable(self, node: Mapping[str, Any]) -> Order | Unreadable:
        """One order that cannot be read must not hold up the others."""
        try:
            return to_order(node, self._context, self._clock.now())
        except (ValueError, TypeError, AttributeError) as error:
            raw = orjson.dumps(dict(node)).decode()
            return Unreadable(legacy_id(node.get("id")), raw, f"看不懂 Shopify 的订单：{error}")

    async def count_orders(self, window: Window) -> int | None:
        return await listing.count(self._client, window)

    async def get_order(self, platform_order_id: str) -> Order:
        """Also by the order's name (`#1042`), which is what buyers know it by."""
        node = await listing.one(self._client, platform_order_id, customer_data=self._settings.customer_data)
        found = self._readable(node)
        if isinstance(found, Unreadable):
            raise Rejected(f"{platform_order_id}：{found.reason}")
        return found

    async def get_refund(self, platform_refund_id: str) -> ShopRefund:
        gid = f"gid://shopify/Refund/{platform_refund_id}"
        refund = (await self._client.query(queries.REFUND_BY_ID, {"id": gid})).get("refund")
        if not isinstance(refund, dict):
            raise NotFound(f"Shopify 没有退款 {platform_refund_id}")
        return to_refund(refund, "")

    def verify_push(
        self,
        headers: Mapping[str, str],
        body: bytes,
        url: str,  # noqa: ARG002 - the port's; the signature covers the body alone
    ) -> Sequence[PushEvent]:
        """One webhook is one event."""
        settings = self._settings
        return [read_push(headers, body, secret=settings.client_secret, domain=settings.domain)]

    def push_answer(self, ok: bool) -> PushAnswer:
        """Any 2xx within five seconds is an acknowledgement; all else is sent again, eight times in 4 h."""
        return (200, b"", "text/plain") if ok else (503, b"", "text/plain")

    async def create_refund(
        self, platform_order_id: str, amount: Money, *, key: str, reason: str
    ) -> ActionResult:
        """`done` and `already_done` only when the shop itself says that the money has gone back."""
        return await refunding.create(self._client, platform_order_id, amount, key=key, reason=reason)

    async def agree_refund(self, platform_refund_id: str, amount: Money, *, key: str) -> ActionResult:
        """Shopify knows no applications of buyers: there is nothing to agree to."""
        words = f"Shopify 没有买家退款申请：{amount}（{key}）由卖家发起，退款 {platform_refund_id} 没有动"
        return ActionResult("rejected", words)

    async def invite_refund(self, platform_order_id: str, amount: Money, *, key: str, reason: str) -> None:
        """Nobody has to apply for anything here."""
        words = f"订单 {platform_order_id} 在 Shopify 上由卖家退款，不用请买家申请"
        raise Rejected(f"{words}：{amount} {reason}（{key}）")

    async def close(self) -> None:
        """Nothing is held open: the HTTP session belongs to the server."""
