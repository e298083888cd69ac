"""How far each shop is pulled, pushes that came, orders in quarantine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.chat import SubjectRef
from domain.order import OrderKey


@dataclass(frozen=True)
class ShopSync:
    """How one shop's pull stands. `cursor` is the end of the last window of which every page was read.

    `failures` in a row; `failed_at` those of the last hour. `next_try` None: whenever the job comes round.
    `resting` while the breaker is open (until `next_try`). `paused` is the mark of the settings with which the
    shop said that its authorisation has ended: nothing is tried until they change, "" when all is well.
    `counted_at`, `ours`, `theirs`, `unsettled`: the last count against the platform's own total; `unsettled`
    when they still differed after reading again.
    """

    shop_code: str
    cursor: datetime | None = None
    tried_at: datetime | None = None
    succeeded_at: datetime | None = None
    failures: int = 0
    failed_at: tuple[datetime, ...] = ()
    next_try: datetime | None = None
    resting: bool = False
    last_error: str = ""
    paused: str = ""
    counted_at: datetime | None = None
    ours: int = 0
    theirs: int = 0
    unsettled: bool = False
    revision: int = 0


class Held(StrEnum):
    """What became of a quarantined order."""

    OPEN = "open"
    CLEARED = "cleared"  # a later copy of it was good
    CLOSED = "closed"  # a person said that it does not matter


@dataclass(frozen=True)
class Quarantined:
    """A row of a shop that did not get past the border, or only with a warning (`warning`: it is in the pool).

    `raw` is the text as it came; it may hold personal data and is stored sealed. `platform_order_id` "" when the
    row did not even say that.
    """

    shop_code: str
    platform_order_id: str
    reason: str
    raw: str
    first_seen: datetime
    last_seen: datetime
    tries: int = 1
    warning: bool = False
    state: Held = Held.OPEN
    settled_at: datetime | None = None
    settled_by: str = ""
    revision: int = 0

    @property
    def id(self) -> str:
        return quarantine_id(self.shop_code, self.platform_order_id or self.raw)


def quarantine_id(shop_code: str, order_id: str) -> str:
    """Short, and always the same for one order of one shop."""
    return hashlib.blake2b(f"{shop_code}\n{order_id}".encode(errors="replace"), digest_size=8).hexdigest()


class PushState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    LEFT = "left"  # to the next pull: the shop did not answer, or tells of no order


@dataclass(frozen=True)
class Push:
    """One event a shop told us of. `(shop_code, key)` is unique: the same event twice is known."""

    shop_code: str
    key: str
    kind: str
    order_id: str
    received_at: datetime
    state: PushState = PushState.WAITING
    revision: int = 0


class SyncStates(Protocol):
    """Filled by `storage/sync_states.py`. Saves are guarded by `revision`; they are written at commit."""

    async def shop(self, shop_code: str) -> ShopSync:
        """A fresh one for a shop that was never pulled."""
        ...

    async def shops(self) -> Sequence[ShopSync]: ...
    def save_shop(self, state: ShopSync) -> None: ...

    async def held(self, quarantine_id: str) -> Quarantined | None: ...
    async def held_order(self, key: OrderKey) -> Quarantined | None:
        """The quarantine of this order, open or not."""
        ...

    async def all_held(
        self, *, shop_code: str = "", limit: int = 20, offset: int = 0
    ) -> Sequence[Quarantined]:
        """Open ones, the newest first; of all shops without a `shop_code`."""
        ...

    async def held_counts(self) -> Mapping[str, int]:
        """Open ones by shop; shops without any are left out."""
        ...

    async def held_ids(self, shop_code: str, limit: int = 10_000) -> frozenset[str]:
        """Platform order ids of the open ones."""
        ...

    def hold(self, item: Quarantined) -> None:
        """Insert (revision 0) or replace under its revision."""
        ...

    async def push(self, shop_code: str, key: str) -> Push | None: ...
    def save_push(self, push: Push) -> None:
        """Insert (revision 0; Conflict when this event is known already) or replace."""
        ...

    def forget_pushes(self, before: datetime) -> None:
        """Remove settled pushes received before this; a platform repeats an event for hours, not for weeks."""
        ...

    async def count_modified(self, shop_code: str, start: datetime, end: datetime) -> int:
        """Orders in the pool whose shop says they were last modified in `[start, end)`."""
        ...

    async def modified_ids(self, shop_code: str, start: datetime, end: datetime, limit: int) -> Sequence[str]:
        """Their platform order ids."""
        ...

    async def came_since(self, since: datetime) -> Mapping[str, int]:
        """Orders placed since, by shop."""
        ...


def sync_subject(shop_code: str = "") -> SubjectRef:
    """The status card: of one shop, or of all."""
    return SubjectRef("sync", shop_code or "all")


def quarantine_subject(quarantine_id: str) -> SubjectRef:
    return SubjectRef("quarantine", quarantine_id)
