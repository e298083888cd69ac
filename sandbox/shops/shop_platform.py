"""What a simulated shop platform offers to the shop world: a package here with `build(world)` is one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from sandbox.world import Refusal


class BadPayload(Refusal, ValueError):
    """The control API was given something that is no order; the message names the field."""


@dataclass(frozen=True)
class TruthRow:
    """One order as the shop itself knows it, for comparing row by row with the desk's pool.

    `status` is the platform's own text (the desk keeps it as `state_raw`); `paid` minor units of `currency`, 0
    until paid; `modified_ms` since 1970 as fine as the platform tells it (whole seconds end in 000).
    """

    shop: str
    platform: str
    platform_order_id: str
    status: str
    paid: int
    modified_ms: int
    currency: str = "CNY"


class ShopPlatform(Protocol):
    """One simulated platform with one or more shops, kept in the world's store. Shop codes are unique in the
    whole sandbox; a bad wish raises BadPayload naming the field."""

    @property
    def name(self) -> str:
        """The platform as `shops.<code>.platform` of the settings names it."""
        ...

    @property
    def switches(self) -> Mapping[str, tuple[str, str]]:
        """`<name>.<switch>` → (default, meaning), for GET /switches; empty when there are none."""
        ...

    @property
    def faults(self) -> Mapping[str, str]:
        """The kinds of faults it understands, each with its meaning, for GET /faults."""
        ...

    def routes(self) -> list[web.RouteDef]:
        """Relative to `/sandbox/shops/<name>`."""
        ...

    def credentials(self) -> list[dict[str, Any]]:
        """What a client's settings need for each shop of the first app: `shop` (code), `name`, and the keys of
        the connector's SETTINGS. Secrets are the simulator's own."""
        ...

    def new_app(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """A fresh app with credentials of its own; same shape as one of `credentials()`."""
        ...

    def create_orders(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """`{shop?, orders?|count?}` → `{"orders": [listing rows]}`; all of them come in, or none."""
        ...

    def listing(self) -> list[dict[str, Any]]:
        """Every order for the console, newest first: shop, platform, platform_order_id, status, status_text,
        buyer, receiver, phone, amount (major units text), created (ISO), items (texts), memo, waybill,
        refund (None or {refund_id, amount, status})."""
        ...

    def truth(self) -> list[TruthRow]:
        """Every order of every shop, in no order."""
        ...

    def happen(self, rng: random.Random) -> str:
        """Something ordinary happens in one of the shops, at the world's clock: an order comes in, is paid,
        shipped, signed, closed, edited. Pushes are made as the platform would make them. Returns the id of
        the order it happened to. Deterministic for one `rng`."""
        ...

    def seed_week(self) -> int:
        """Orders of the last seven days for the demo; how many, 0 when there are orders already."""
        ...


class PushingShopPlatform(ShopPlatform, Protocol):
    """A platform that pushes: POST /apps/<name>/<shop> `{"push_url": …}` of the control API comes here."""

    async def configure(self, shop: str, wish: Mapping[str, Any]) -> dict[str, Any]: ...
    async def pushes_done(self) -> None:
        """Returns when no push that is due at the world's clock is still on its way."""
        ...

    async def close(self) -> None: ...
