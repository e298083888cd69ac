"""The ports that storage, integrations and bot fill. The domain and the handlers know nothing else of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from domain.alert import Alerts
from domain.audit import AuditEntry
from domain.books import Books
from domain.chat import SentCard, SubjectRef
from domain.exception import Exceptions
from domain.job import JobRuns
from domain.kept_file import KeptFiles
from domain.money import Money
from domain.order import Order, OrderKey, ShopRefund
from domain.outbox import Body, Priority
from domain.refund import BuyerHistory, Refund
from domain.room import Rooms
from domain.subscription import Subscriptions
from domain.sync import SyncStates
from domain.usage import Usage
from domain.watching import OrderChanges


class Conflict(Exception):
    """Somebody else changed the same thing first. Nothing was written: read again and decide again."""


@dataclass(frozen=True)
class OrderMatch:
    """An order found by `key` of `kind` order_no | sub_order | waybill | phone | phone_tail | name."""

    kind: str
    key: str
    order: Order


class Orders(Protocol):
    async def get(self, order_id: int) -> Order | None: ...
    async def get_many(self, order_ids: Sequence[int]) -> Sequence[Order]:
        """Those of these orders that are there, in the order asked for."""
        ...

    async def by_key(self, key: OrderKey) -> Order | None: ...
    async def by_number(self, number: str, *, limit: int = 10) -> Sequence[Order]:
        """By platform order id in any shop, or by a sub-order id."""
        ...

    async def by_waybill(self, number: str, *, limit: int = 10) -> Sequence[Order]: ...
    async def by_phone(self, phone: str, *, limit: int = 10) -> Sequence[Order]:
        """Full number, by keyed digest. Newest first."""
        ...

    async def by_phone_tail(self, tail: str, *, limit: int = 10) -> Sequence[Order]:
        """Last four digits. Newest first."""
        ...

    async def by_receiver_name(self, name: str, *, limit: int = 10) -> Sequence[Order]: ...
    async def buyer_history(self, shop_code: str, buyer_id: str, since: datetime) -> BuyerHistory: ...

    def save(self, order: Order) -> None:
        """Insert (id 0) or replace as a whole, guarded by `revision`; the write happens at commit."""
        ...


class Refunds(Protocol):
    async def get(self, number: str) -> Refund | None: ...
    async def of_order(self, order_id: int) -> Sequence[Refund]: ...
    async def bound_ids(self, shop_code: str, platform_refund_ids: Sequence[str]) -> frozenset[str]:
        """Those of these shop refunds that already belong to a desk refund."""
        ...

    def save(self, refund: Refund) -> None:
        """Insert (revision 0) or replace, guarded by `revision`."""
        ...


class SentCards(Protocol):
    async def get(self, card_id: str) -> SentCard | None: ...
    def save(self, card: SentCard) -> None: ...


@dataclass(frozen=True)
class StoryLine:
    """One line of a trace's story: `kind` inbox | audit | outbox | attempt; `text` for an admin, PII masked."""

    at: datetime
    kind: str
    text: str


class Traces(Protocol):
    async def story(self, trace: str) -> Sequence[StoryLine]:
        """All that is known of a trace id (or its unique prefix), oldest first; empty when unknown."""
        ...


class UnitOfWork(Protocol):
    """Reads see the committed state; writes are held back and committed together, or not at all.

    `commit` raises Conflict when a `revision` is no longer current or a unique key is taken. No
    transaction is open while a handler thinks, so a slow handler blocks nobody.
    """

    @property
    def trace_id(self) -> str: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def refunds(self) -> Refunds: ...
    @property
    def cards(self) -> SentCards: ...
    @property
    def traces(self) -> Traces: ...
    @property
    def changes(self) -> OrderChanges: ...
    @property
    def jobs(self) -> JobRuns: ...
    @property
    def sync(self) -> SyncStates: ...
    @property
    def alerts(self) -> Alerts: ...
    @property
    def exceptions(self) -> Exceptions: ...
    @property
    def rooms(self) -> Rooms: ...
    @property
    def books(self) -> Books: ...
    @property
    def subscriptions(self) -> Subscriptions: ...
    @property
    def files(self) -> KeptFiles: ...
    @property
    def usage(self) -> Usage: ...

    def audit(self, entry: AuditEntry) -> None: ...

    def send(
        self, body: Body, *, key: str = "", priority: Priority = Priority.ANSWER, due: datetime | None = None
    ) -> None:
        """Add an outbox row; without `key` it is `<trace_id>.<n>`, the n-th of this unit of work."""
        ...

    def touch(self, subject: SubjectRef, *, within: float = 0.0) -> None:
        """The subject changed: at commit every live card about it gets a RefreshCard row.

        `within` seconds are given when another change is on its way that the same drawing can show.
        """
        ...

    async def commit(self) -> None: ...


# --- shops ---------------------------------------------------------------------------------------------


class ShopError(Exception):
    """A far shop refused or failed. `retry_after` seconds when it said so."""

    retry_after: float | None = None


class Throttled(ShopError):
    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AuthExpired(ShopError):
    """The shop's authorisation has ended; the owner must authorise again."""


class PermissionMissing(ShopError): ...


class Rejected(ShopError):
    """The shop understood and said no; repeating will not help. The message is for people."""


class NotFound(ShopError): ...


class RemoteTemporary(ShopError):
    """A passing fault before anything was done; safe to repeat."""


class RemoteUnknown(ShopError):
    """A write whose outcome is unknown: ask the shop before anything else, never repeat blindly."""


@dataclass(frozen=True)
class Window:
    """Half-open `[start, end)`, aware UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class ActionResult:
    """`status` done | already_done | needs_code | rejected; `message` for people."""

    status: Literal["done", "already_done", "needs_code", "rejected"]
    message: str = ""


@dataclass(frozen=True)
class ShopCapabilities:
    """What a shop platform can do. `refund` "agree": only a buyer's application can be agreed to."""

    refund: Literal["none", "agree", "create"]
    page_order: Literal["any", "last_first", "ascending"]
    max_window_seconds: int
    page_size: int


class ShopConnector(Protocol):
    """One authorised shop (platforms.md §10). Errors are the ShopError family above."""

    shop_code: str
    platform: str
    name: str
    capabilities: ShopCapabilities

    def iter_orders(self, window: Window) -> AsyncIterator[Order]:
        """Orders modified in the window, each as full as the platform's list gives it."""
        ...

    async def get_order(self, platform_order_id: str) -> Order:
        """The whole order, its shop refunds included; NotFound when the shop does not know it."""
        ...

    async def get_refund(self, platform_refund_id: str) -> ShopRefund: ...

    async def agree_refund(self, platform_refund_id: str, amount: Money, *, key: str) -> ActionResult:
        """Agree to a buyer's application, after asking how it stands: one that is paid is `already_done`,
        one that is closed `rejected`. RemoteUnknown when the outcome is not known."""
        ...

    async def invite_refund(self, platform_order_id: str, amount: Money, *, key: str, reason: str) -> None:
        """Leave word at the shop (seller remark) that this refund is approved and the buyer should apply."""
        ...

    async def close(self) -> None: ...
