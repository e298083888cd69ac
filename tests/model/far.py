"""The far sides of the real code under test: a chat platform, a shop of either kind, both at the gate.

What the shops' own steps are is not made up here: Taobao's and Shopify's real sequences run against these answers.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.card_delivery import digest
from cards.door import Retry, Sent, Unsure
from cards.model import Card
from domain.chat import Account, Inbound, Recipient, SentCard, Tap
from domain.money import Money
from domain.order import MoneyState, Order, RefundProcess, ShopRefund
from domain.ports import (
    ActionResult,
    PushAnswer,
    PushEvent,
    Rejected,
    RemoteTemporary,
    RemoteUnknown,
    ShopCapabilities,
    Unreadable,
    Window,
)
from integrations.commerce.shopify import refunding
from integrations.commerce.taobao import agreeing
from tests.bot.kit import Door
from tests.model.gates import here
from tests.samples import NOW

WORDS = {
    "待审批": "asked",
    "退款中": "agreed",
    "核实中": "unknown",
    "等待店铺恢复": "waits",
    "已退款": "paid",
    "已驳回": "refused",
    "退款失败": "failed",
}


@dataclass
class Chat(Door):
    """Shows one card for one id, and always its last update: `screens` by card id. `drawn` tells digests in words."""

    screens: dict[str, str] = field(default_factory=dict)
    drawn: dict[str, str] = field(default_factory=dict)

    def parse(self, kind: str, payload: bytes, key: str) -> Inbound:
        if kind != "tap":
            return super().parse(kind, payload, key)
        told = json.loads(payload)
        who = Account(self.platform, self.app, told["user"])
        return Tap(key, who, NOW, told["chat"], action=told["action"], card_id=told["card_id"])

    def look(self, card: Card) -> str:
        word = WORDS[card.title.rsplit(" ", 1)[-1]]
        self.drawn[digest(card)] = word
        return word

    async def send_card(
        self,
        to: Recipient,  # noqa: ARG002 - the Protocol's name
        card: Card,
        *,
        card_id: str,
        attempt: int,  # noqa: ARG002 - as above
    ) -> Sent:
        word = self.look(card)
        order = await here("far")
        if order == "busy":
            raise Retry("5xx")
        repeated = card_id in self.screens
        self.screens.setdefault(card_id, word)
        if order == "lost":
            raise Unsure("no answer")
        return Sent({"mode": "card"}, card_id, repeated=repeated)

    async def update_card(
        self,
        sent: SentCard,
        card: Card,
        *,
        attempt: int,  # noqa: ARG002 - as above
    ) -> Mapping[str, object]:
        word = self.look(card)
        order = await here("far")
        if order == "busy":
            raise Retry("5xx")
        self.screens[sent.card_id] = word
        if order == "lost":
            raise Unsure("no answer")
        return sent.handle

    def note_tap(self, sent: SentCard, tap: Tap) -> Mapping[str, object]:  # noqa: ARG002 - as above
        return sent.handle


@dataclass
class Books:
    """What the shop itself knows: the buyer's application, and how often money went back."""

    number: str  # of the buyer's application
    application: str = "open"
    version: int = 1
    paid: int = 0
    keys: set[str] = field(default_factory=set)

    def agree(self) -> None:
        self.application, self.version, self.paid = "done", self.version + 1, self.paid + 1

    def withdraw(self) -> None:
        self.application, self.version = "closed", self.version + 1


STATUS = {"open": "WAIT_SELLER_AGREE", "done": "SUCCESS", "closed": "CLOSED"}


@dataclass
class TaobaoClient:
    """In place of `integrations.commerce.taobao.client.TopClient`."""

    books: Books
    amount: Money

    async def call(self, method: str, args: Mapping[str, str], *, once: bool = False) -> dict[str, Any]:
        order = await here("far")
        if order == "busy":
            raise RemoteTemporary("5xx")
        if method == "taobao.refund.get":
            return {"refund": self._refund()}
        assert (method, once) == ("taobao.rp.refunds.agree", True)
        accepted = self.books.application == "open"
        if accepted:
            self.books.agree()
        if order == "lost":
            raise RemoteUnknown("no answer")
        if not accepted:
            raise Rejected(f"isv.refund-status-error {args}")
        return {"succ": True}

    def _refund(self) -> dict[str, Any]:
        return {
            "refund_id": self.books.number,
            "status": STATUS[self.books.application],
            "refund_fee": self.amount.plain(),
            "refund_version": str(self.books.version),
        }


@dataclass
class ShopifyClient:
    """In place of `integrations.commerce.shopify.client.ShopifyClient`."""

    books: Books
    amount: Money

    async def query(self, _text: str, variables: Mapping[str, Any], *, once: bool = False) -> dict[str, Any]:
        order = await here("far")
        if order == "busy":
            raise RemoteTemporary("5xx")
        if not once:
            return {"order": self._order()}
        if variables["key"] not in self.books.keys:
            self.books.keys.add(variables["key"])
            self.books.paid += 1
            self.note = str(variables["input"]["note"])
        if order == "lost":
            raise RemoteUnknown("no answer")
        return {"refundCreate": {"refund": self._refund(), "userErrors": []}}

    def _order(self) -> dict[str, Any]:
        paid = {"id": "gid://shopify/OrderTransaction/1", "kind": "SALE", "status": "SUCCESS", "gateway": "x"}
        return {
            "id": "gid://shopify/Order/1",
            "currencyCode": self.amount.currency,
            "totalReceivedSet": self._money(self.amount),
            "transactions": [{**paid, "amountSet": self._money(self.amount)}],
            "refunds": [self._refund() for _ in range(self.books.paid)],
        }

    def _refund(self) -> dict[str, Any]:
        return {
            "id": f"gid://shopify/Refund/{self.books.number}",
            "note": self.note,
            "transactions": [{"status": "SUCCESS"}],
        }

    @staticmethod
    def _money(amount: Money) -> dict[str, Any]:
        return {"shopMoney": {"amount": amount.plain(), "currencyCode": amount.currency}}


class AgreeingShop:
    """A Taobao shop: the buyer applies, the seller agrees."""

    platform, name = "taobao", "天猫旗舰店"
    capabilities = ShopCapabilities(refund="agree", page_order="any", max_window_seconds=86400, page_size=100)

    def __init__(self, shop_code: str, order: Order, amount: Money, number: str) -> None:
        self.shop_code = shop_code
        self.books = Books(number)
        self._order = order
        self._amount = amount
        self._client: Any = TaobaoClient(self.books, amount)

    async def iter_orders(self, window: Window) -> AsyncIterator[Order | Unreadable]:
        raise AssertionError(window)
        yield self._order

    async def count_orders(self, window: Window) -> int | None:
        raise AssertionError(window)

    def verify_push(self, headers: Mapping[str, str], body: bytes, url: str, /) -> Sequence[PushEvent]:
        raise AssertionError((headers, body, url))

    def push_answer(self, ok: bool, /) -> PushAnswer:
        raise AssertionError(ok)

    async def get_order(self, platform_order_id: str) -> Order:  # noqa: ARG002 - as above
        if await here("far") == "busy":
            raise RemoteTemporary("5xx")
        process = RefundProcess.APPLIED if self.books.application == "open" else RefundProcess.CLOSED
        applied = ShopRefund(self.books.number, self._amount, process, MoneyState.NONE, "", "1", "", None)
        return replace(self._order, refunds=(applied,))

    async def get_refund(self, platform_refund_id: str) -> ShopRefund:
        raise AssertionError(platform_refund_id)

    async def agree_refund(self, platform_refund_id: str, amount: Money, *, key: str) -> ActionResult:
        return await agreeing.agree(self._client, platform_refund_id, amount, tmall=False, key=key)

    async def invite_refund(self, platform_order_id: str, amount: Money, *, key: str, reason: str) -> None:
        raise AssertionError((platform_order_id, amount, key, reason))

    async def close(self) -> None:
        """Nothing is open."""


class StartingShop(AgreeingShop):
    """A Shopify shop: the seller starts the refund."""

    capabilities = ShopCapabilities(
        refund="create", page_order="any", max_window_seconds=86400, page_size=100
    )

    def __init__(self, shop_code: str, order: Order, amount: Money, number: str) -> None:
        super().__init__(shop_code, order, amount, number)
        self._client = ShopifyClient(self.books, amount)

    async def create_refund(
        self, platform_order_id: str, amount: Money, *, key: str, reason: str
    ) -> ActionResult:
        return await refunding.create(self._client, platform_order_id, amount, key=key, reason=reason)
