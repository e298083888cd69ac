"""The ports that storage, integrations and bot fill. The domain and the handlers know nothing else of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from domain.alert import Alerts
from domain.audit import AuditEntry
from domain.books import Books
from domain.chat import SentCard, SubjectRef
from domain.digest import Digests
from domain.exception import Exceptions
from domain.housekeeping import Housekeeping
from domain.job import JobRuns
from domain.kept_file import KeptFiles
from domain.letter import Letters
from domain.money import Money
from domain.order import Order, OrderKey, ShopRefund
from domain.outbox import Body, Priority
from domain.refund import BuyerHistory, Refund
from domain.room import Rooms
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
    async def applied(self, limit: int) -> Sequence[Refund]:
        """Those that wait for somebody's decision, the oldest first."""
        ...

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
    def digests(self) -> Digests: ...
    @property
    def files(self) -> KeptFiles: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def letters(self) -> Letters: ...
    @property
    def housekeeping(self) -> Housekeeping: ...

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
    """`status` done | already_done | needs_code | rejected; `message` for people; `reference` the shop's own id of
    what was made (a refund's), when there is one."""

    status: Literal["done", "already_done", "needs_code", "rejected"]
    message: str = ""
    reference: str = ""


@dataclass(frozen=True)
class ShopCapabilities:
    """What a shop platform can do. `refund` "agree": only a buyer's application can be agreed to.

    `push_kind`: hint (unsigned or ids only: read again) | signed_webhook. `overlap_seconds` is how far a window
    reaches back into the last one, `lag_seconds` how long a change takes to show in the lists, `history_days`
    how far back they go. `pulls` False: orders come by push and by file only, there is nothing to list.
    """

    refund: Literal["none", "agree", "create"]
    page_order: Literal["any", "last_first", "ascending"]
    max_window_seconds: int
    page_size: int
    push_kind: Literal["none", "hint", "signed_webhook"] = "none"
    overlap_seconds: int = 120
    lag_seconds: int = 30
    history_days: int = 90
    pulls: bool = True


@dataclass(frozen=True)
class Unreadable:
    """A row of a shop's list that is no order we understand: it goes to quarantine. `raw` as it came (it may
    hold personal data), `reason` Chinese, for people."""

    platform_order_id: str
    raw: str
    reason: str


class BadSignature(Exception):
    """A push whose signature, time or shop is wrong. Nothing of its body was believed."""


@dataclass(frozen=True)
class PushEvent:
    """One thing a verified push tells of. `key` is the platform's id of the event, the same on every delivery.

    `kind` is the platform's own word (topic). `order_id` "" tells of no order: kept and left alone. `raw_order`
    only from a platform whose push is the whole order (Unreadable goes to quarantine); all others are hints to
    read the order again.
    """

    key: str
    order_id: str
    kind: str
    raw_order: Order | Unreadable | None = None


PushAnswer = tuple[int, bytes, str]
"""HTTP status, body, content type: what the platform wants to hear."""


class ShopConnector(Protocol):
    """One authorised shop (platforms.md §10). Errors are the ShopError family above."""

    shop_code: str
    platform: str
    name: str
    capabilities: ShopCapabilities

    def iter_orders(self, window: Window) -> AsyncIterator[Order | Unreadable]:
        """Orders modified in the window, each as full as the platform's list gives it; the walk that loses
        nothing is the connector's. One may come twice. It ends normally only when every page was read."""
        ...

    async def count_orders(self, window: Window) -> int | None:
        """How many orders the platform itself says were modified in the window; None when it cannot say."""
        ...

    def verify_push(self, headers: Mapping[str, str], body: bytes, url: str, /) -> Sequence[PushEvent]:
        """What a push says, once its signature over the raw bytes is right. BadSignature when it is not;
        ValueError when it is signed and still no push we understand."""
        ...

    def push_answer(self, ok: bool, /) -> PushAnswer:
        """The acknowledgement the platform expects; not `ok`: try again later."""
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


@runtime_checkable
class StartsRefunds(Protocol):
    """The further half of a shop whose capability `refund` is "create": the seller starts refunds there."""

    async def create_refund(
        self, platform_order_id: str, amount: Money, *, key: str, reason: str
    ) -> ActionResult:
        """Pay `amount` back, once for a `key` however often it is asked for: the shop is asked for a refund
        under this key first. `done`, with the refund's id as `reference`, only when the money has gone back;
        RemoteUnknown when the outcome is not known."""
        ...
