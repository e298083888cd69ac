"""How the books are compared (`policies.reconcile`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.staff import Role


def _tolerance() -> Mapping[str, int]:
    return {"amount": 0, "fee": 1}


@dataclass(frozen=True)
class ReconcilePolicy:
    """Every field has a default that suits a small shop.

    `accounts`: payment account → the shops whose money comes in there; empty: every shop belongs to every account,
    else shops that are not named stay out of the books. `fee_ppm`: account → agreed fee in millionths of the
    amount (6000 is 0.6%); an account that is not named has its fees taken as they are. `tolerance`: class → fen
    that one difference may be off and still counts as matched. `match_minutes`: how far apart in time the rules
    without a number may match. `cross_minutes`: an order paid this near to midnight may stand in the next day's
    bill. `order_prefixes`: what a provider's bill puts before the shop's order number (unconfirmed for Taobao,
    platforms.md §5.1). `settle_on_completion`: shops whose money comes only after the buyer has confirmed.
    `look_back_days`: how long an open difference is looked at again every night. `listed`: so many differences
    of a day become rows of their own, the rest is in the sums. `check_hours` and `check_limit`: how old an unpaid
    order may be, and how many are asked about at the provider in one run of the payment check.
    """

    accounts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fee_ppm: Mapping[str, int] = field(default_factory=dict)
    tolerance: Mapping[str, int] = field(default_factory=_tolerance)
    match_minutes: int = 5
    cross_minutes: int = 30
    order_prefixes: tuple[str, ...] = ("T200P",)
    settle_on_completion: tuple[str, ...] = ()
    look_back_days: int = 7
    listed: int = 20_000
    check_hours: int = 24
    check_limit: int = 200
    roles: frozenset[Role] = frozenset({Role.FINANCE, Role.SUPERVISOR})
    approver_roles: frozenset[Role] = frozenset({Role.FINANCE, Role.SUPERVISOR})
    chat: str = "finance"
    write_off_reasons: tuple[str, ...] = ("小额尾差", "活动补贴", "平台确认", "无法追回")
    close_reasons: tuple[str, ...] = ("已核实无误", "已线下处理", "重复记录")

    def accounts_of(self, shop_code: str) -> tuple[str, ...]:
        """The accounts a shop's money may come in at; empty when the settings do not say."""
        return tuple(sorted(account for account, shops in self.accounts.items() if shop_code in shops))

    @property
    def shops(self) -> frozenset[str]:
        """The shops that are in the books; empty means all."""
        return frozenset(shop for shops in self.accounts.values() for shop in shops)
