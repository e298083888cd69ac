"""What makes an order an exception, and whose it is (`policies.exceptions`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from domain.order import OrderState
from domain.staff import Role

KINDS = ("address", "watch_word", "stock", "stuck", "payment", "quarantine", "effect")


@dataclass(frozen=True)
class Raci:
    """`responsible` gets the card and does it; `accountable` may also close it and hears of red ones; `informed`
    sees it in `异常`."""

    responsible: Role
    accountable: Role = Role.SUPERVISOR
    informed: frozenset[Role] = frozenset()


def _owners() -> Mapping[str, Raci]:
    return {
        "address": Raci(Role.SERVICE, informed=frozenset({Role.WAREHOUSE})),
        "watch_word": Raci(Role.SERVICE, informed=frozenset({Role.WAREHOUSE})),
        "stock": Raci(Role.WAREHOUSE, informed=frozenset({Role.SERVICE})),
        "stuck": Raci(Role.WAREHOUSE, informed=frozenset({Role.SERVICE})),
        "payment": Raci(Role.FINANCE),
        "quarantine": Raci(Role.ADMIN),
        "effect": Raci(Role.SUPERVISOR, informed=frozenset({Role.ADMIN, Role.FINANCE})),
    }


def _stuck() -> Mapping[OrderState, timedelta]:
    return {
        OrderState.ON_HOLD: timedelta(hours=24),
        OrderState.UNKNOWN: timedelta(hours=2),
        OrderState.SPLIT: timedelta(hours=24),
        OrderState.PRE_SHIPPED: timedelta(hours=48),
        OrderState.PARTIALLY_SHIPPED: timedelta(hours=72),
        OrderState.SHIPPED: timedelta(days=10),
    }


@dataclass(frozen=True)
class ExceptionPolicy:
    """`off` names kinds nobody wants. `watch_words` are looked for in remarks and the address. Stock is sellable
    pieces of a SKU in a warehouse: yellow below, red below. `stuck` is how long an order may stay in a state."""

    off: frozenset[str] = frozenset()
    owners: Mapping[str, Raci] = field(default_factory=_owners)
    watch_words: tuple[str, ...] = ("代收点", "放物业", "放门口", "改地址", "先别发", "不要发货")
    stock_yellow: int = 50
    stock_red: int = 10
    stuck: Mapping[OrderState, timedelta] = field(default_factory=_stuck)

    def __post_init__(self) -> None:
        unknown = sorted((self.off | set(self.owners)) - set(KINDS))
        if unknown:
            raise ValueError(f"没有 {unknown[0]} 这种异常，可选：{'、'.join(KINDS)}")
        if not 0 <= self.stock_red <= self.stock_yellow:
            raise ValueError("stock_red 不能大于 stock_yellow")

    def raci(self, kind: str) -> Raci:
        return self.owners.get(kind) or _owners()[kind]
