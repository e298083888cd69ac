"""What one Shopify shop needs in `shops.<code>` of the settings, and what would break the platform's limits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MAX_PAGE = 250
MAX_ORDERS_PER_CALL = 8  # one call may cost 1000 points; the costliest order we read is worth about 110
OLDEST_VERSION = "2026-01"  # the first that knows @idempotent, without which a refund could be paid twice
SHORT_HISTORY_DAYS = 60
LONG_HISTORY_DAYS = 3650

_ADMIN = "Shopify 后台 → 设置 → 应用和销售渠道 → 开发应用 → 你的应用 → API 凭据"
_VERSION = re.compile(r"[0-9]{4}-(01|04|07|10)")
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")


@dataclass(frozen=True)
class ShopifySettings:
    """`api_base` is `https://<shop>.myshopify.com`. `client_secret` signs webhooks: without it every push is
    refused. `all_orders`: the app has the scope read_all_orders, else the platform hides orders older than 60
    days. `customer_data`: the app may read names and addresses. `region` and `warehouse` are put on every
    order. `window_hours` and `page_size` say how much one sweep and one list page read; `orders_per_call` how
    many whole orders one call fetches. Points a second are learnt from the platform's own answers.
    """

    api_base: str = field(metadata={"where": "店铺的 myshopify 地址，例如 https://some-shop.myshopify.com"})
    access_token: str = field(repr=False, metadata={"where": f"{_ADMIN} → Admin API 访问令牌（shpat_ 开头）"})
    client_secret: str = field(
        repr=False, default="", metadata={"where": f"{_ADMIN} → API 密钥（Client secret）"}
    )
    shop_domain: str = ""
    name: str = ""
    region: str = ""
    warehouse: str = ""
    api_version: str = "2026-01"
    page_size: int = MAX_PAGE
    orders_per_call: int = 6
    window_hours: int = 24
    all_orders: bool = False
    customer_data: bool = True
    timeout_seconds: float = 10

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ValueError(problem)

    def _problems(self) -> list[str]:
        found = []
        address = urlsplit(self.api_base)
        if address.scheme not in ("https", "http") or not address.hostname or address.query:
            found.append("api_base 要写成 https://你的店铺.myshopify.com")
        if not _VERSION.fullmatch(self.api_version):
            found.append("api_version 要写成 2026-01 这样：年份和 01、04、07、10 之一")
        elif self.api_version < OLDEST_VERSION:
            found.append(f"api_version 最低 {OLDEST_VERSION}：更早的版本没有防重复退款的 @idempotent")
        if self.shop_domain and not _DOMAIN.fullmatch(self.shop_domain):
            found.append("shop_domain 要写成 你的店铺.myshopify.com（小写）")
        if not 1 <= self.page_size <= MAX_PAGE:
            found.append(f"page_size 要在 1 到 {MAX_PAGE} 之间：Shopify 一页最多 {MAX_PAGE} 行")
        if not 1 <= self.orders_per_call <= MAX_ORDERS_PER_CALL:
            found.append(f"orders_per_call 要在 1 到 {MAX_ORDERS_PER_CALL} 之间：一次查询不能超过 1000 点")
        if not 1 <= self.window_hours <= 24 * 31:
            found.append("window_hours 要在 1 到 744 之间")
        if not 0 < self.timeout_seconds <= 120:
            found.append("timeout_seconds 要大于 0，最多 120")
        return found

    @property
    def domain(self) -> str:
        """The shop's own name, as webhooks carry it."""
        return self.shop_domain or (urlsplit(self.api_base).hostname or "")

    @property
    def endpoint(self) -> str:
        return f"{self.api_base.rstrip('/')}/admin/api/{self.api_version}/graphql.json"

    @property
    def history_days(self) -> int:
        return LONG_HISTORY_DAYS if self.all_orders else SHORT_HISTORY_DAYS
