"""What one Taobao shop needs in `shops.<code>` of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_MINUTES = 24 * 60  # taobao.trades.sold.increment.get: a day at most


@dataclass(frozen=True)
class TaobaoSettings:
    """`session` is the seller's access token; `tmall` shops review a refund before they agree to it.

    `rate_per_second` counts for the whole app, shared by all its shops; `region` and `warehouse` are put on
    every order, since the platform does not know them.
    """

    api_base: str
    app_key: str
    app_secret: str = field(repr=False)
    session: str = field(repr=False)
    name: str = ""
    region: str = ""
    warehouse: str = ""
    tmall: bool = True
    rate_per_second: int = 10
    window_minutes: int = 30
    timeout_seconds: float = 10

    def __post_init__(self) -> None:
        """What the platform would refuse, or what would bring it to refuse us (platforms.md §1.2)."""
        if not 1 <= self.window_minutes <= MOST_MINUTES:
            raise ValueError(
                f"window_minutes 要在 1 到 {MOST_MINUTES} 之间：淘宝的增量列表一次最多查一天（建议 30）"
            )
        if self.rate_per_second < 1:
            raise ValueError("rate_per_second 至少是 1")
        if not 0 < self.timeout_seconds <= 60:
            raise ValueError("timeout_seconds 要大于 0、不超过 60")
