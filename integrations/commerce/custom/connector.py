"""One shop of the generic contract behind the domain's ShopConnector port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

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
    RemoteTemporary,
    ShopCapabilities,
    Unreadable,
    Window,
)
from integrations.commerce.custom import pushes
from integrations.commerce.custom.client import ContractClient
from integrations.commerce.custom.formats import BadField, rows
from integrations.commerce.custom.mapping import ShopContext, read_order
from integrations.commerce.custom.settings import MOST_ROWS, CustomSettings

CAPABILITIES = ShopCapabilities(
    refund="none",
    page_order="ascending",
    max_window_seconds=24 * 3600,
    page_size=MOST_ROWS,
    push_kind="signed_webhook",
)
MOST_PAGES = 10_000  # of one window: a cursor that never ends is a fault of the other side
_NO_REFUND = "这家店的系统没有退款接口：请在它的后台或收银台退款，退完它会推送过来"


def capabilities_of(settings: CustomSettings) -> ShopCapabilities:
    """What this shop's other side really has: a list only with `api_base`, pushes only with a secret."""
    return replace(
        CAPABILITIES,
        page_size=settings.page_size,
        pulls=bool(settings.api_base),
        push_kind="signed_webhook" if settings.secret else "none",
    )


class CustomConnector:
    """Orders come whole by push, in files, and by the list when there is one. Nothing can be done there."""

    platform = "custom"

    def __init__(
        self, shop_code: str, settings: CustomSettings, client: ContractClient | None, clock: Clock
    ) -> None:
        self.shop_code = shop_code
        self.name = settings.name or shop_code
        self.capabilities = capabilities_of(settings)
        self._settings = settings
        self._client = client
        self._clock = clock
        self._context = ShopContext(shop_code, settings.region, settings.warehouse)

    async def iter_orders(self, window: Window) -> AsyncIterator[Order | Unreadable]:
        """Oldest change first, by cursor: an order that changes meanwhile moves to the end and comes again."""
        cursor, seen = "", set[str]()
        if self._client is None:
            return
        for _ in range(MOST_PAGES):
            page = await self._client.orders(window, cursor=cursor)
            try:
                found = rows(page, "orders")
            except BadField as error:
                raise Rejected(f"看不懂店铺 {self.shop_code} 的订单列表：{error}") from error
            for row in found:
                yield read_order(row, self._context, self._clock.now())
            cursor = str(page.get("next_cursor") or "")
            if not cursor:
                return
            if cursor in seen:
                break
            seen.add(cursor)
        raise RemoteTemporary(f"店铺 {self.shop_code} 的订单列表翻不到头：next_cursor 一直在重复")

    async def count_orders(self, window: Window) -> int | None:
        if self._client is None:
            return None
        total = (await self._client.orders(window, limit=1)).get("total")
        return total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None

    def verify_push(self, headers: Mapping[str, str], body: bytes, _url: str, /) -> Sequence[PushEvent]:
        """The shop's code is in the signed body, so the address need not be."""
        now = self._clock.now()
        pushed = pushes.verify(headers, body, self.shop_code, self._settings, now)
        return pushes.events(pushed, self._context, now)

    def push_answer(self, ok: bool, /) -> PushAnswer:
        """2xx is accepted; anything else is sent again."""
        status, word = (200, "accepted") if ok else (503, "try again later")
        return status, orjson.dumps({"status": word}), "application/json"

    async def get_order(self, platform_order_id: str) -> Order:
        if self._client is None:
            raise NotFound(f"店铺 {self.shop_code} 没有订单接口，只能等它推送或从文件读入")
        answer = await self._client.order(platform_order_id)
        order = read_order(answer.get("order"), self._context, self._clock.now())
        if isinstance(order, Unreadable):
            raise Rejected(f"看不懂店铺 {self.shop_code} 的订单 {platform_order_id}：{order.reason}")
        if order.key.platform_order_id != platform_order_id:
            raise Rejected(f"店铺 {self.shop_code} 答的是另一张订单 {order.key.platform_order_id}")
        return order

    async def get_refund(self, platform_refund_id: str) -> ShopRefund:
        raise NotFound(f"店铺 {self.shop_code} 没有退款接口：{platform_refund_id} 的进展随订单推送来")

    async def agree_refund(self, platform_refund_id: str, amount: Money, *, key: str) -> ActionResult:
        return ActionResult("rejected", f"{_NO_REFUND}（{platform_refund_id}，{amount}，{key}）")

    async def invite_refund(self, platform_order_id: str, amount: Money, *, key: str, reason: str) -> None:
        raise Rejected(f"{_NO_REFUND}（订单 {platform_order_id}，{amount}，{reason}，{key}）")

    async def close(self) -> None:
        """Nothing is held open: the HTTP session belongs to the server."""
